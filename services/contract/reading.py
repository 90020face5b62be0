"""What one reading of a payload collects beside its values."""

import difflib
from collections.abc import Iterable

from services.contract.report import Path, Report, spelled
from services.contract.values import Json, Origin

_MOST_SUGGESTIONS = 10
"""A suggestion takes up to a millisecond."""


class Reading:
    """Violations, warnings, and where each value came from."""

    def __init__(self, report: Report | None = None) -> None:
        self.report = report or Report()
        self.origins: dict[Path, Origin] = {}
        """By path in the canonical task."""
        self.aliases: dict[Path, Path] = {}
        """Where a field stands in the payload that was spelled otherwise."""
        self._suggestions = 0

    def given(self, path: Path) -> Path:
        """The path as the payload spells it."""
        return self.aliases.get(path, path) if self.aliases else path

    def unknown(self, path: Path, known: Iterable[str]) -> None:
        """Warns of a field that this version does not know."""
        if self.report.warned_enough:
            return
        self.report.warn(
            path,
            "UNKNOWN_FIELD",
            "This version does not know the field; it is kept and has no effect."
            + self._suggestion(path, known),
        )

    def _suggestion(self, path: Path, known: Iterable[str]) -> str:
        name = str(path[-1])
        self._suggestions += 1
        if len(name) > 64 or self._suggestions > _MOST_SUGGESTIONS:
            return ""
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        return f" Did you mean {spelled((*path[:-1], close[0]))}?" if close else ""


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
