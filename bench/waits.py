"""Measures how long single calls take, in turns, each beside the one it is compared with."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.report import Target, table

HEADINGS = ("call", "p50 ms", "p99 ms", "beside", "times", "calls")


@dataclass(frozen=True)
class Call:
    """One thing to wait for."""

    name: str
    make: Callable[[], object]
    """Raises Broken when it fails."""
    beside: str
    """The call that it is compared with."""


@dataclass(frozen=True)
class Wait:
    """How long one call took, each time."""

    name: str
    beside: str
    millis: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half of the calls took no longer."""
        return statistics.median(self.millis)

    @property
    def slow(self) -> float:
        """One call in a hundred took longer; with fewer calls, the longest."""
        return sorted(self.millis)[int(0.99 * len(self.millis))]


@dataclass(frozen=True)
class Waits:
    """The figures of one benchmark."""

    name: str
    notes: tuple[str, ...]
    waits: tuple[Wait, ...]
    targets: tuple[Target, ...]

    def times(self, wait: Wait) -> float:
        """How many times the median of the call beside it a median is."""
        return wait.median / next(one.median for one in self.waits if one.name == wait.beside)

    def text(self) -> str:
        """A table, then each target with whether it is met."""
        rows: list[Sequence[str]] = [HEADINGS]
        rows += [
            (
                one.name,
                f"{one.median:.1f}",
                f"{one.slow:.1f}",
                one.beside,
                f"{self.times(one):.1f}",
                str(len(one.millis)),
            )
            for one in self.waits
        ]
        told = (f"{self.name}: {self.notes[0]}", *self.notes[1:])
        return "\n".join([*told, "", *table(rows, left=0), "", *map(str, self.targets)])

    def document(self) -> dict[str, Any]:
        """The same as a JSON document, with every call in it."""
        return {
            "name": self.name,
            "notes": list(self.notes),
            "waits": [
                {**asdict(one), "p50": one.median, "p99": one.slow, "times": self.times(one)}
                for one in self.waits
            ],
            "targets": [{**asdict(target), "met": target.met} for target in self.targets],
        }


def waited(calls: Sequence[Call], *, rounds: int, seconds: float) -> tuple[Wait, ...]:
    """Each call for `seconds`, in turn, `rounds` times over, after one that does not count."""
    millis: dict[str, list[float]] = {call.name: [] for call in calls}
    for call in calls:
        call.make()
    for _ in range(rounds):
        for call in calls:
            until = time.perf_counter() + seconds
            while (began := time.perf_counter()) < until:
                call.make()
                millis[call.name].append(1000 * (time.perf_counter() - began))
    return tuple(Wait(call.name, call.beside, tuple(millis[call.name])) for call in calls)
