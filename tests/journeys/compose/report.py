"""The log of a journey: what was done, what was found, how it stands in the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Report:
    """Prints as it goes, and counts."""

    passed: int = 0
    failed: int = 0
    _start: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """One line with the seconds since the start."""
        print(f"[{time.monotonic() - self._start:6.1f} s] {text}", flush=True)

    def check(self, fact: str, holds: bool, found: object = None) -> None:
        """Counts a fact; says what was found instead when it does not hold."""
        if holds:
            self.passed += 1
            self.say(f"  ok    {fact}")
        else:
            self.failed += 1
            self.say(f"  FAIL  {fact}; found: {found!r}")

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Says what begins and how long it took."""
        self.say(text)
        began = time.monotonic()
        yield
        self.say(f"  done in {time.monotonic() - began:.1f} s")

    def close(self) -> int:
        """Prints the closing line; gives the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0
