"""Measures calls on several servers in turns, so that a busy machine slows all of them alike."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Client, Server

WARM_SECONDS = 0.3


@dataclass(frozen=True)
class Subject:
    """One thing to call."""

    name: str
    server: Server
    method: str
    request: Path


@dataclass(frozen=True)
class Round:
    """One stretch of calls."""

    calls: int
    seconds: float
    cpu_seconds: float
    """Of the server, in the stretch."""

    @property
    def rate(self) -> float:
        """Calls a second by the clock on the wall."""
        return self.calls / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Calls a second of the server's processor time: what a core could do, kept busy."""
        return self.calls / self.cpu_seconds

    @property
    def busy(self) -> float:
        """The share of the stretch in which the server's core worked; near 1 it is the limit."""
        return self.cpu_seconds / self.seconds


@dataclass(frozen=True)
class Series:
    """The rounds of one subject at one concurrency."""

    subject: str
    concurrency: int
    rounds: tuple[Round, ...]

    @property
    def rate(self) -> float:
        """The best: neighbours on the machine only ever take away."""
        return max(one.rate for one in self.rounds)

    @property
    def cpu_rate(self) -> float:
        """The best by processor time."""
        return max(one.cpu_rate for one in self.rounds)

    @property
    def median(self) -> float:
        """The middle round's calls a second."""
        return statistics.median(one.rate for one in self.rounds)

    @property
    def spread(self) -> float:
        """How far the rounds lie apart, as a share of the middle one."""
        rates = [one.rate for one in self.rounds]
        return (max(rates) - min(rates)) / self.median

    @property
    def busy(self) -> float:
        """The busiest round's share."""
        return max(one.busy for one in self.rounds)


def in_turns(
    client: Client,
    subjects: Sequence[Subject],
    *,
    concurrency: int,
    rounds: int,
    seconds: float,
) -> list[Series]:
    """Each subject in turn, `rounds` times over, after a warm-up that does not count."""
    found: dict[str, list[Round]] = {subject.name: [] for subject in subjects}
    for subject in subjects:
        _round(client, subject, concurrency, min(WARM_SECONDS, seconds))
    for _ in range(rounds):
        for subject in subjects:
            found[subject.name].append(_round(client, subject, concurrency, seconds))
    return [Series(name, concurrency, tuple(told)) for name, told in found.items()]


def _round(client: Client, subject: Subject, concurrency: int, seconds: float) -> Round:
    before = subject.server.cpu_seconds()
    calls, took = client.round(
        subject.server, subject.method, subject.request, concurrency=concurrency, seconds=seconds
    )
    return Round(calls, took, subject.server.cpu_seconds() - before)
