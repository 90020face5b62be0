"""The kinds of fields a payload has: how each is read.

Null counts as absent everywhere, and so does a blank string where a string belongs.
Every read notes what is wrong and returns something that can be worked with.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from services.contract import text as texts
from services.contract.reading import Reading, wrong_type
from services.contract.report import Path
from services.contract.values import Json, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string, trimmed."""

    about: str
    most: int
    """Bytes of UTF-8, as given."""
    most_characters: int | None = None
    lines: bool = False
    """Whether it may span lines."""
    form: str | None = None
    """A regular expression for the whole of it, in the dialect of JSON Schema too."""
    told: str | None = None
    """What may stand here, for a schema, where `judged` says more than `form`."""
    code: str = "BAD_TEXT"
    """Of the violation where it has not the form."""
    remedy: str = ""
    """Two sentences: what is wrong where it has not the form, and what to do."""
    judged: Callable[[str], str | None] | None = None
    """Why a text of the right form is wrong all the same; two sentences."""
    choices: tuple[str, ...] = ()
    """The only values there are."""
    folded: bool = False
    """Whether upper case counts as lower case."""
    required: str | None = None
    """What to say where it is absent; None lets it be."""
    default: Json = None
    examples: tuple[Json, ...] = ()
    _form: "re.Pattern[str] | None" = field(init=False)

    def __post_init__(self) -> None:
        """Compiles the form once."""
        compiled = None if self.form is None else re.compile(self.form)
        object.__setattr__(self, "_form", compiled)

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The trimmed text, or the default."""
        if isinstance(value, str):
            return self._judged(value, path, reading)
        if value is not None:
            wrong_type(reading.report, path, "a string", value)
        elif self.required is not None:
            reading.report.refuse(path, "REQUIRED", self.required)
        return self.default

    def _judged(self, value: str, path: Path, reading: Reading) -> Json:
        report = reading.report
        if report.refused and report.faulty(path):
            return self.default
        if (size := texts.size(value)) > self.most:
            report.refuse(
                path, "SIZE", f"It holds {size:,} bytes. Shorten it to at most {self.most:,}."
            )
            return self.default
        if self.most_characters is not None and len(value) > self.most_characters:
            report.refuse(
                path,
                "SIZE",
                f"It holds {len(value):,} characters. Shorten it to at most"
                f" {self.most_characters:,}.",
            )
            return self.default
        tidy = texts.tidied(value)
        if tidy is None:
            return self.read(None, path, reading)
        if self.folded:
            tidy = tidy.lower()
        if not self.lines and texts.spans_lines(tidy):
            report.refuse(
                path, "BAD_TEXT", "It spans lines or holds a tab. Write it as one plain line."
            )
        elif (self.choices and tidy not in self.choices) or (
            self._form is not None and not self._form.fullmatch(tidy)
        ):
            report.refuse(path, self.code, self.remedy)
        elif self.judged is not None and (why := self.judged(tidy)):
            report.refuse(path, self.code, why)
        else:
            return tidy
        return self.default

    def _misses(self, tidy: str) -> bool:
        if self.choices:
            return tidy not in self.choices
        return self._form is not None and not self._form.fullmatch(tidy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number of a range."""

    about: str
    low: float
    high: float
    whole: bool = True
    default: Json = None
    examples: tuple[Json, ...] = ()
    code: str = "LIMIT_RANGE"

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The number, or the default."""
        if value is None or (reading.report.refused and reading.report.faulty(path)):
            return self.default
        kinds = (int,) if self.whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            wanted = "a whole number" if self.whole else "a number"
            wrong_type(reading.report, path, wanted, value)
        elif not self.low <= value <= self.high:
            reading.report.refuse(
                path,
                self.code,
                f"It is out of range. Choose from {self.low:,} to {self.high:,}.",
            )
        else:
            return value
        return self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """True or false."""

    about: str
    default: Json = False
    examples: tuple[Json, ...] = ()

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The flag, or the default."""
        if isinstance(value, bool):
            return value
        if value is not None:
            wrong_type(reading.report, path, "true or false", value)
        return self.default


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
class Listing:
    """A list of objects of one kind."""

    about: str
    item: "Part"
    most: int
    code: str = "SIZE"
    """Of the violation where there are more."""
    examples: tuple[Json, ...] = ()
    default: ClassVar[Json] = []

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """Every element, read."""
        read: list[Json] = []
        for where, item in items(value, path, reading, most=self.most, code=self.code):
            if item is None:
                # Null is absent only where there is a name that can be left out.
                wrong_type(reading.report, where, "an object", item)
            else:
                read.append(self.item.read(item, where, reading))
        return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An object with known fields."""

    about: str
    fields: Mapping[str, "Kind"]
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other spellings that are taken, each with the field it stands for."""
    closed: Mapping[str, tuple[str, str]] | None = None
    """Code and sentences of fields that may not be here, "" for all others; None keeps them."""
    stand_in: Json = None
    """What an absent one is; None where it is then read as empty."""
    omitted: bool = False
    """Whether an absent one stays null."""
    sparse: bool = False
    """Whether absent fields are left out, but for flags."""
    examples: tuple[Json, ...] = ()
    default: ClassVar[Json] = None
    _rows: "tuple[tuple[str, Kind, bool, bool], ...]" = field(init=False)
    """Each field with whether its origin is told as one, and whether absence needs no reading."""

    def __post_init__(self) -> None:
        """Sorts the fields by what reading them takes."""
        rows = tuple(
            (name, kind, not _has_parts(kind), self._scalar(kind))
            for name, kind in self.fields.items()
        )
        object.__setattr__(self, "_rows", rows)

    def _scalar(self, kind: "Kind") -> bool:
        if isinstance(kind, Text):
            return kind.required is None and not self.sparse
        return isinstance(kind, Flag) or (isinstance(kind, Number) and not self.sparse)

    def read(self, value: Json, path: Path, reading: Reading) -> Json:
        """The object with its defaults filled in."""
        if value is None:
            return None if self.omitted else self._absent(path, reading)
        if not isinstance(value, dict):
            wrong_type(reading.report, path, "an object", value)
            return self.read({}, path, Reading())
        if self.aliases and not self.aliases.keys().isdisjoint(value):
            value = self._renamed(value, path, reading)
        read: dict[str, Json] = {}
        origins = reading.origins
        for name, kind, simple, scalar in self._rows:
            given = value.get(name)
            if given is not None:
                where = (*path, name)
                read[name] = result = kind.read(given, reading.given(where), reading)
                if simple or not result:
                    origins[where] = _origin(given, result)
            elif scalar:
                read[name] = kind.default
                origins[*path, name] = Origin.DEFAULTED
            elif not self.sparse:
                where = (*path, name)
                read[name] = result = kind.read(None, where, reading)
                if simple or not result:
                    origins[where] = Origin.DEFAULTED
        if len(value) > len(self.fields) or not value.keys() <= self.fields.keys():
            self._unknown(value, read, path, reading)
        return read

    def _absent(self, path: Path, reading: Reading) -> Json:
        if self.stand_in is None:
            return self.read({}, path, reading)
        read = self.read(self.stand_in, path, reading)
        for name in self.fields:
            reading.origins[*path, name] = Origin.DEFAULTED
        return read

    def _renamed(self, value: dict[str, Json], path: Path, reading: Reading) -> dict[str, Json]:
        """The object with its aliases spelled as they should be."""
        renamed = dict(value)
        for alias, name in self.aliases.items():
            given = renamed.pop(alias, None)
            if given is None:
                continue
            where, named = (*path, alias), (*path, name)
            reading.report.warn(where, "ALIAS", f"It is another spelling of {name}. Write {name}.")
            kind, trial = self.fields[name], Reading()
            there = renamed.get(name)
            if there is None or (isinstance(there, str) and texts.tidied(there) is None):
                renamed[name] = given
                reading.aliases[named] = where
            elif kind.read(given, (), trial) != kind.read(there, (), trial):
                reading.report.refuse(
                    where,
                    "ALIAS_CONFLICT",
                    f"It is another spelling of {name} and says something else. Remove it.",
                )
        return renamed

    def _unknown(
        self, value: Mapping[str, Json], read: dict[str, Json], path: Path, reading: Reading
    ) -> None:
        for name in sorted(value.keys() - self.fields.keys()):
            if self.closed is None:
                reading.unknown((*path, name), self.fields)
                read[name] = value[name]
            else:
                code, sentences = self.closed.get(name) or self.closed[""]
                reading.report.refuse((*path, name), code, sentences.format(name=name))


Kind: TypeAlias = Text | Number | Flag | Free | Words | Arguments | Variables | Listing | Part


def _has_parts(kind: Kind) -> bool:
    """Whether it consists of fields that tell their own origins."""
    return isinstance(kind, Part | Listing)


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


def _origin(given: Json, result: Json) -> Origin:
    if given is None or result is None:
        return Origin.DEFAULTED
    return Origin.EXPLICIT if given == result else Origin.DERIVED
