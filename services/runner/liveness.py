"""Tells whether a run that says nothing is still at work."""

from collections.abc import Callable
from datetime import timedelta

from services.runner.keeper import census

MOST_EXTENSIONS = 2

LEAST_SHARE = 0.01
"""Of one core: an idle runtime's timers use less."""


class Silence:
    """Watches one run. Times are of the loop's clock, in seconds."""

    def __init__(self, limit: timedelta, now: float, used: Callable[[], float]) -> None:
        self._limit = limit.total_seconds()
        self._used = used
        self._since = now
        self._baseline: tuple[float, float] | None = None
        self._extensions = 0

    def heard(self, now: float) -> None:
        """The run has said something."""
        self._since = now
        self._baseline = None
        self._extensions = 0

    def too_long(self, now: float) -> bool:
        """Tells whether the run has been silent for its limit and was idle as well.

        One that used the processor meanwhile is given the same time again, at most twice.
        """
        if self._baseline is None:
            if now - self._since >= self._limit / 2:
                self._baseline = (now, self._used())
            return False
        if now - self._since < self._limit:
            return False
        then, before = self._baseline
        used = self._used()
        idle = used - before < max(0.05, LEAST_SHARE * (now - then))
        if idle or self._extensions == MOST_EXTENSIONS:
            return True
        self._extensions += 1
        self._since, self._baseline = now, (now, used)
        return False


def processor_seconds(root: int) -> float:
    """Returns the processor time used by the descendants of `root` and by their ended children."""
    ticks = sum(process.cpu_ticks for process in census.descendants(root))
    return ticks / census.TICKS_A_SECOND
