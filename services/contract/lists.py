"""The kinds of fields that hold many values of the caller's: how each is read."""

import re
from dataclasses import dataclass
from typing import ClassVar

from services.contract import text as texts
from services.contract.reading import Reading, wrong_type
from services.contract.report import Path
from services.contract.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """An object whose content is the caller's own."""

    about: str
    examples: tuple[Json, ...] = ()
    default: ClassVar[Json] = {}

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The object as it stands; empty when absent."""
        if isinstance(value, dict):
            return value
        if value is not None:
            wrong_type(reading.report, path, "an object", value)
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A list of capabilities: trimmed, lower-cased, without repeated and blank ones."""

    about: str
    most: int
    examples: tuple[Json, ...] = ()
    form: ClassVar[str] = r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}"
    default: ClassVar[Json] = []

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The words in order of first mention."""
        report = reading.report
        words: dict[Json, None] = {}
        for where, item in items(value, path, reading, most=self.most, code="SIZE"):
            if not isinstance(item, str):
                wrong_type(report, where, "a string", item)
            elif (word := texts.tidied(item)) and not report.faulty(where):
                if re.fullmatch(self.form, word):
                    words[word.lower()] = None
                else:
                    report.refuse(
                        where,
                        "CAPABILITY_NAME",
                        "This is no name of a capability. Use at most 64 letters, digits and"
                        " ._:/+- without blanks.",
                    )
        return list(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """A list of strings that are taken as they stand."""

    about: str
    most: int
    most_bytes: int
    """Of each."""
    code: str
    examples: tuple[Json, ...] = ()
    default: ClassVar[Json] = []

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The strings."""
        listed = items(value, path, reading, most=self.most, code=self.code)
        for where, item in listed:
            if not isinstance(item, str):
                wrong_type(reading.report, where, "a string", item)
            elif (size := texts.size(item)) > self.most_bytes:
                reading.report.refuse(
                    where,
                    "SIZE",
                    f"It holds {size:,} bytes. Shorten it to at most {self.most_bytes:,}.",
                )
        return [item for _, item in listed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """An object of environment variables, whose values are taken as they stand."""

    about: str
    most: int
    forbidden: tuple[str, ...]
    """Names that may not be set, in any case."""
    code: str
    examples: tuple[Json, ...] = ()
    form: ClassVar[str] = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
    default: ClassVar[Json] = None

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The variables; none when absent."""
        report = reading.report
        if value is None:
            return None
        if not isinstance(value, dict):
            wrong_type(report, path, "an object", value)
            return None
        if len(value) > self.most:
            report.refuse(
                path, self.code, f"It sets {len(value):,} variables. Leave at most {self.most}."
            )
            return None
        for name, item in value.items():
            where = (*path, name)
            if not isinstance(item, str):
                wrong_type(report, where, "a string", item)
            elif not re.fullmatch(self.form, name):
                report.refuse(
                    where,
                    self.code,
                    "This is no name of a variable. Use at most 128 letters, digits and _, the"
                    " first no digit.",
                )
            elif name.upper() in self.forbidden:
                report.refuse(
                    where, self.code, "Pawl itself sets this variable. Choose another name."
                )
        return value


def items(
    value: Json, path: Path, reading: Reading, *, most: int, code: str
) -> list[tuple[Path, Json]]:
    """The elements of a list with their paths; none when absent, wrong or too many."""
    if value is None:
        return []
    if not isinstance(value, list):
        wrong_type(reading.report, path, "a list", value)
    elif len(value) > most:
        reading.report.refuse(
            path, code, f"It holds {len(value):,} elements. Leave at most {most:,}."
        )
    else:
        return [((*path, index), item) for index, item in enumerate(value)]
    return []
