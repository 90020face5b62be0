"""The few round numbers that are written beside a plot."""

from collections.abc import Sequence
from dataclasses import dataclass

LINES = 4
"""At most so many above the ground line."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * one for one in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * one for one in (1, 2, 3, 6, 12)),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """From nothing to a round number that no value surpasses."""

    step: int
    lines: int

    @property
    def top(self) -> int:
        """The number at the top line."""
        return self.step * self.lines

    @property
    def numbers(self) -> Sequence[int]:
        """What is written, from the ground up."""
        return [self.step * one for one in range(self.lines + 1)]


def of_counts(most: int) -> Scale:
    """A scale for whole numbers: 1, 2 or 5 and tens of them from line to line."""
    step = 1
    while step * LINES < most:
        # 1, 2, 5, 10: what comes after a 2 is two and a half times as much.
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return _scale(step, most)


def of_seconds(longest: float) -> Scale:
    """A scale for lengths of time: what a clock divides into, then whole days."""
    whole = int(longest) + (longest > int(longest))
    step = next((one for one in _STEPS if one * LINES >= whole), 0)
    return _scale(step or _DAY * of_counts(-(-whole // _DAY)).step, whole)


def _scale(step: int, most: int) -> Scale:
    return Scale(step, max(1, -(-most // step)))


def length(seconds: int) -> str:
    """A round length of time as it is written beside a plot, such as ``12 m``."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s" if seconds else "0"
