"""The two orchestrators of a run of publishes: killed, stopped, armed, and set going again."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.checker.evidence import TERMINAL, Evidence, lowered
from tests.chaos.house import ORCHESTRATORS, House
from tests.chaos.machine import until

TERM = 3.0
MEAN_GAP = 6.0
STOPS = 0.35
ARMED = 0.4
POINTS = ("CP-B2", "CP-B3", "CP-B4", "CP-B5", "CP-B6", "CP-B7", "CP-B7", "CP-B7", "CP-B8")
ACTIONS = ("kill", "stop", "stop", "drop")
ENOUGH = 0.97
"""The share of jobs that have ended, after which nothing is struck any more."""
QUIET_SECONDS = 120.0


@dataclass(slots=True)
class Owners:
    """Both of them, with the jobs that they are to end."""

    built: House
    evidence: Evidence
    dice: random.Random
    jobs: int
    struck: Counter[str] = field(default_factory=Counter)
    _stopped: dict[str, float] = field(default_factory=dict)

    def ended(self) -> int:
        """How many jobs have ended."""
        query = "SELECT state, count(*) AS number FROM job GROUP BY state"
        states = self.evidence.rows(query)
        return sum(row["number"] for row in states if lowered(row["state"]) in TERMINAL)

    def strike(self) -> None:
        """Strikes until nearly all jobs have ended."""

        def arming(name: str) -> str:
            if name not in ORCHESTRATORS or self.dice.random() > ARMED:
                return ""
            point, action = self.dice.choice(POINTS), self.dice.choice(ACTIONS)
            return f"{point}={action}@{self.dice.randint(1, 12)}"

        self.built.arming = arming
        due = time.monotonic() + self.dice.expovariate(1 / MEAN_GAP)
        ended, moved = 0, time.monotonic()
        while (now_ended := self.ended()) < ENOUGH * self.jobs:
            now = time.monotonic()
            if now_ended > ended:
                ended, moved = now_ended, now
            if now - moved > QUIET_SECONDS:
                raise TimeoutError(f"no job has ended for {QUIET_SECONDS:g} s; {ended} have")
            self.built.mend()
            self._let_go_on(now)
            if now >= due:
                self._strike(now)
                due = now + self.dice.expovariate(1 / MEAN_GAP)
            time.sleep(0.05)
        self.built.arming = lambda _name: ""

    def _let_go_on(self, now: float) -> None:
        for name in ORCHESTRATORS:
            if name not in self._stopped and self.built.has_stopped(name):
                self.struck["stop at a point"] += 1
                self._stopped[name] = now + _standing(self.dice)
            if self._stopped.get(name, now + 1) <= now:
                del self._stopped[name]
                self.built.go_on(name)

    def _strike(self, now: float) -> None:
        name = self.dice.choice(ORCHESTRATORS)
        if name in self._stopped or not self.built.answers(name):
            return
        if self.dice.random() < STOPS:
            self.struck["stop"] += 1
            self.built.stop(name)
            self._stopped[name] = now + _standing(self.dice)
        else:
            self.struck["kill"] += 1
            self.built.kill(name)

    def wait(self) -> None:
        """Nothing is struck any more but by faults armed already: the rest ends by itself."""

        while (before := self.ended()) < self.jobs:
            until(
                lambda before=before: self.ended() != before,  # type: ignore[misc]
                f"another of {self.jobs - before} jobs to end",
                QUIET_SECONDS,
                self.tend,
            )

    def tend(self) -> None:
        """Starts who has died, and lets go on who has stood still for long enough."""
        self.built.mend()
        self._let_go_on(time.monotonic())


def _standing(dice: random.Random) -> float:
    """Seconds that one stands still: longer than its lease, at times than a request settles."""
    return dice.uniform(1.2, 3) * TERM
