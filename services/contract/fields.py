"""Reads the fields of a payload's objects by name and kind."""

import difflib
import re
from collections.abc import Mapping

from services.contract import text as texts
from services.contract.report import MOST_WARNINGS, Path, Report, spelled
from services.contract.values import Json

UNREADABLE = "unreadable"
"""Stands for a value that has a violation already, so that no second one follows from it."""

_CAPABILITY = re.compile(r"[a-z0-9][a-z0-9._:/+-]{0,63}")
_MOST_CAPABILITIES = 64


class Fields:
    """One object of a payload. What is null or blank counts as absent.

    Every read notes its own violations and returns something usable; `rest`
    is what was never asked for.
    """

    def __init__(self, values: Mapping[str, Json], path: Path, report: Report) -> None:
        self.path = path
        self.values = values
        self._report = report
        self._known: list[str] = []

    def text(self, name: str, *, most: int, one_line: bool = True) -> str | None:
        """A trimmed string of at most `most` bytes of UTF-8."""
        path, value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, str):
            return self._not(path, "a string", value)
        if self._report.faulty(path):
            return UNREADABLE
        tidy = texts.tidied(value)
        if tidy is None:
            return None
        if (size := len(tidy.encode())) > most:
            self._report.refuse(
                path, "SIZE", f"It holds {size:,} bytes; shorten it to at most {most:,}."
            )
        elif one_line and texts.spans_lines(tidy):
            self._report.refuse(
                path, "BAD_TEXT", "It spans lines or holds a tab. Write it as one plain line."
            )
        return tidy

    def name(self, name: str, pattern: re.Pattern[str], reason: str, rule: str) -> str | None:
        """A string that matches `pattern` whole; `rule` says in words what matches."""
        value = self.text(name, most=4096)
        path = (*self.path, name)
        if value is not None and not self._report.faulty(path) and not pattern.fullmatch(value):
            self._report.refuse(path, reason, f"This is no valid {name}. Use {rule}.")
        return value

    def number(
        self, name: str, *, low: float, high: float, default: float | None, whole: bool = True
    ) -> int | float | None:
        """A number from `low` to `high`."""
        path, value = self._take(name)
        if value is None:
            return default
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            self._not(path, "a whole number" if whole else "a number", value)
            return default
        if not low <= value <= high:
            self._report.refuse(
                path, "LIMIT_RANGE", f"It is out of range. Choose from {low:,} to {high:,}."
            )
        return value

    def flag(self, name: str) -> bool:
        """A boolean; False when absent."""
        path, value = self._take(name)
        if value is not None and not isinstance(value, bool):
            self._not(path, "true or false", value)
        return value is True

    def within(self, name: str) -> "Fields | None":
        """An object to be read further."""
        path, value = self._take(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return Fields(value, path, self._report)
        self._not(path, "an object", value)
        return None

    def free(self, name: str) -> dict[str, Json]:
        """An object whose content is the caller's own; empty when absent."""
        fields = self.within(name)
        return {} if fields is None else dict(fields.values)

    def items(self, name: str) -> list[tuple[Path, Json]]:
        """The elements of a list with their paths; none when absent."""
        path, value = self._take(name)
        if value is None:
            return []
        if isinstance(value, list):
            return [((*path, index), item) for index, item in enumerate(value)]
        self._not(path, "a list", value)
        return []

    def capabilities(self, name: str) -> tuple[str, ...]:
        """Words, trimmed and lower-cased; repeated and blank ones are dropped."""
        words: dict[str, None] = {}
        items = self.items(name)
        if len(items) > _MOST_CAPABILITIES:
            self._report.refuse(
                (*self.path, name),
                "SIZE",
                f"It names {len(items)} capabilities; name at most {_MOST_CAPABILITIES}.",
            )
            return ()
        for path, item in items:
            if not isinstance(item, str):
                self._not(path, "a string", item)
                continue
            word = (texts.tidied(item) or "").lower()
            if word and not self._report.faulty(path) and not _CAPABILITY.fullmatch(word):
                self._report.refuse(
                    path,
                    "CAPABILITY_NAME",
                    "This is no name of a capability. Use at most 64 letters, digits and ._:/+-"
                    " without blanks.",
                )
            elif word:
                words[word] = None
        return tuple(words)

    def unknown(self) -> list[str]:
        """The names nobody asked for, in order."""
        return sorted(self.values.keys() - set(self._known))

    def rest(self) -> dict[str, Json]:
        """What nobody asked for, kept for versions that will; each gives a warning."""
        unknown = self.unknown()
        for name in unknown[: MOST_WARNINGS + 1]:
            self._report.warn(
                (*self.path, name),
                "UNKNOWN_FIELD",
                "This version does not know the field; it is kept and has no effect."
                + self._suggestion(name),
            )
        return {name: self.values[name] for name in unknown}

    def _suggestion(self, name: str) -> str:
        if len(name) > 64:
            return ""
        close = difflib.get_close_matches(name, self._known, n=1, cutoff=0.75)
        return f" Did you mean {spelled((*self.path, close[0]))}?" if close else ""

    def _take(self, name: str) -> tuple[Path, Json]:
        self._known.append(name)
        return (*self.path, name), self.values.get(name)

    def _not(self, path: Path, wanted: str, value: Json) -> str:
        wrong_type(self._report, path, wanted, value)
        return UNREADABLE


def wrong_type(report: Report, path: Path, wanted: str, value: Json) -> None:
    """Notes that a value is of another kind than its field."""
    report.refuse(path, "WRONG_TYPE", f"It is {_kind(value)}. Give {wanted}.")


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
