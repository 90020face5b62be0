"""The kinds of fields that hold one value: how each is read.

Null counts as absent everywhere, and so does a blank string where a string belongs.
Every read notes what is wrong and returns something that can be worked with.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from services.contract import text as texts
from services.contract.reading import Reading, wrong_type
from services.contract.report import Path
from services.contract.values import Json


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
        if not self.lines and not tidy.isprintable() and texts.spans_lines(tidy):
            report.refuse(
                path, "BAD_TEXT", "It spans lines or holds a tab. Write it as one plain line."
            )
        elif self._misses(tidy):
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
