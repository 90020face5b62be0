"""Collects what is wrong or odd about one payload, by path."""

import functools
import json
import re
from typing import TypeAlias

from pawl import tokens
from pawl.wire.errors import Violation
from services.contract.values import Remark

Path: TypeAlias = "tuple[str | int, ...]"

MOST_VIOLATIONS = 1_000
MOST_WARNINGS = 100
"""Past these a payload is not being mended but attacks the answer's size."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECRETIVE = re.compile("[:@\uff20]|//|%40")
"""What a key may hold that is a whole address, with a credential in it."""
_LONGEST_PATH = 256


@functools.lru_cache(maxsize=2_048)
def spelled(path: Path) -> str:
    """A path as payloads spell it, such as ``task.steps[1].runtime``; ASCII, bounded.

    Keys may be anything a caller sent: odd ones are shown escaped, in brackets, and those
    that look like an address or a token not at all.
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SECRETIVE.search(part) or tokens.TOKEN.search(part):
            text += '["***"]'
        elif _PLAIN.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part[:40])}]"
    return text if len(text) <= _LONGEST_PATH else f"{text[: _LONGEST_PATH - 3]}..."


class Report:
    """What one reading of a payload found; nothing is found twice."""

    def __init__(self) -> None:
        self._violations: dict[tuple[Path, str], Violation] = {}
        self._warnings: dict[tuple[Path, str], Remark] = {}
        self._faulty: set[Path] = set()

    def refuse(self, path: Path, reason: str, description: str) -> None:
        """Notes a violation; the description says what is wrong, then what to do."""
        self._faulty.add(path)
        if len(self._violations) <= MOST_VIOLATIONS:
            violation = Violation(spelled(path), reason, description)
            self._violations.setdefault((path, reason), violation)

    def warn(self, path: Path, reason: str, description: str) -> None:
        """Notes something that stops nothing."""
        if len(self._warnings) <= MOST_WARNINGS:
            self._warnings.setdefault((path, reason), Remark(reason, spelled(path), description))

    @property
    def warned_enough(self) -> bool:
        """Whether further warnings are dropped."""
        return len(self._warnings) > MOST_WARNINGS

    def faulty(self, path: Path) -> bool:
        """Whether this very path has a violation already."""
        return path in self._faulty

    @property
    def refused(self) -> bool:
        """Whether there is any violation."""
        return bool(self._violations)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Ordered by path, then reason; bounded, and the last says so where more was left out."""
        said: dict[tuple[str, str], Violation] = {}
        for key in sorted(self._violations, key=_place):
            violation = self._violations[key]
            # Paths that are cut or hidden may be spelled alike.
            said.setdefault((violation.field, violation.reason), violation)
        found = list(said.values())
        if len(self._violations) <= MOST_VIOLATIONS:
            return tuple(found)
        return (
            *found[:MOST_VIOLATIONS],
            Violation(
                "",
                "TOO_MANY_VIOLATIONS",
                f"More than {MOST_VIOLATIONS} things are wrong. Mend these and validate again.",
            ),
        )

    @property
    def warnings(self) -> tuple[Remark, ...]:
        """Ordered and bounded likewise."""
        said: dict[tuple[str, str], Remark] = {}
        for key in sorted(self._warnings, key=_place):
            remark = self._warnings[key]
            said.setdefault((remark.field, remark.reason), remark)
        found = list(said.values())
        if len(self._warnings) <= MOST_WARNINGS:
            return tuple(found)
        more = Remark(
            "TOO_MANY_WARNINGS", "", f"There are more than {MOST_WARNINGS} warnings; see these."
        )
        return (*found[:MOST_WARNINGS], more)


def _place(key: tuple[Path, str]) -> tuple[list[tuple[int, int, str]], str]:
    """Step 2 comes before step 10, which plain text order would not give."""
    path, reason = key
    return (
        [(0, part, "") if isinstance(part, int) else (1, 0, part) for part in path],
        reason,
    )
