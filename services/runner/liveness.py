"""Tells whether a run that says nothing is still at work."""

from collections.abc import Callable
from datetime import timedelta

from services.runner.vitals import Progress, Vitals

MOST_EXTENSIONS = 2


class Silence:
    """Watches one run. Times are of the loop's clock, in seconds."""

    def __init__(self, limit: timedelta, now: float, look: Callable[[], Vitals]) -> None:
        self._limit = limit.total_seconds()
        self._look = look
        self._since = now
        self._baseline: tuple[float, Vitals] | None = None
        self._extensions = 0
        self.seen = ""
        """What was seen of the run when it was last judged, in sentences for people."""

    def heard(self, now: float) -> None:
        """The run has said something."""
        self._since = now
        self._baseline = None
        self._extensions = 0

    def too_long(self, now: float) -> bool:
        """Tells whether the run has been silent for its limit and was idle as well.

        One that was at work meanwhile is given the same time again, at most twice.
        """
        if self._baseline is None:
            if now - self._since >= self._limit / 2:
                self._baseline = (now, self._look())
            return False
        if now - self._since < self._limit:
            return False
        then, before = self._baseline
        after = self._look()
        progress = Progress.between(before, after, now - then)
        reasons = " and ".join(progress.reasons)
        if reasons and self._extensions < MOST_EXTENSIONS:
            self._extensions += 1
            self._since, self._baseline = now, (now, after)
            return False
        extended = f" for {self._extensions + 1} times that" if self._extensions else ""
        was = f"it {reasons} to the end" if reasons else "it was idle"
        self.seen = f"It said nothing{extended}, and {was}. {progress.told()}"
        return True
