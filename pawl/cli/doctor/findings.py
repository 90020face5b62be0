"""Judges what services say of themselves, one line for each thing to look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pawl.cli import tables
from pawl.client import GetQueueResponse, ListRunnersResponse, Runner, Storage

CLOCKS = timedelta(seconds=5)
"""Times of several machines are read side by side: further apart they mislead."""
WAIT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at."""

    grave: bool
    """Something does not work or soon will not; else it is good to know."""
    reason: str
    about: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was asked for, and what it says."""

    storage: Storage
    fleet: ListRunnersResponse
    queue: GetQueueResponse | None
    """None where the database did not answer."""
    offset: timedelta
    """How far the orchestrator's clock is ahead of the one here."""


def findings(examined: Examined) -> Sequence[Finding]:
    """Everything there is to look at, the worst first."""
    found = [
        *_storage("orchestrator", examined.storage),
        *_clock("orchestrator", examined.offset, "this machine's"),
        *_fleet(examined.fleet),
        *_queue(examined.queue),
    ]
    return sorted(found, key=lambda one: not one.grave)


def name_of(runner: Runner) -> str:
    """How a runner is called, in a word."""
    return f"runner {runner.runner_id[:8] or runner.target}"


def _storage(about: str, storage: Storage) -> Iterator[Finding]:
    for one in storage.warnings:
        yield Finding(
            grave=one.grave,
            reason=one.reason,
            about=about,
            message=one.message,
            remedy=one.remedy,
        )


def _clock(about: str, offset: timedelta, whose: str) -> Iterator[Finding]:
    if abs(offset) > CLOCKS:
        direction = "ahead of" if offset > timedelta() else "behind"
        yield Finding(
            grave=False,
            reason="CLOCK_DIFFERS",
            about=about,
            message=f"its clock is {abs(offset).total_seconds():.0f} s {direction} {whose}",
            remedy="Let both machines keep time by NTP.",
        )


def _fleet(fleet: ListRunnersResponse) -> Iterator[Finding]:
    if not any(runner.reachable for runner in fleet.runners):
        yield Finding(
            grave=True,
            reason="NO_RUNNER",
            about="fleet",
            message="no runner can be reached, so no job goes on",
            remedy="Start one, and name its address in the orchestrator's PAWL_RUNNER_TARGETS.",
        )
    for runner in fleet.runners:
        yield from _runner(runner)


def _runner(runner: Runner) -> Iterator[Finding]:
    about = name_of(runner)
    if not runner.reachable:
        yield Finding(
            grave=True,
            reason="RUNNER_UNREACHABLE",
            about=about,
            message=f"it does not answer at {runner.target}",
            remedy="See that it runs, and that the orchestrator can reach that address.",
        )
        return
    if runner.draining:
        yield Finding(
            grave=True,
            reason="RUNNER_DRAINING",
            about=about,
            message=runner.draining_reason or "it takes no new work",
            remedy="End the processes that are named, if any are; else wait, or start another.",
        )
    yield from _runtimes(about, runner)
    if runner.isolation == "process":
        yield Finding(
            grave=False,
            reason="NOT_ISOLATED",
            about=about,
            message="agents have the rights of its user, and can read the model key of their run",
            remedy="Give it a machine or a container of its own, and keys that can be revoked.",
        )
    yield from _clock(about, runner.clock_offset.ToTimedelta(), "the orchestrator's")
    yield from _storage(about, runner.storage)


def _runtimes(about: str, runner: Runner) -> Iterator[Finding]:
    missing = [card for card in runner.runtimes if not card.available]
    useless = len(missing) == len(runner.runtimes)
    for card in missing:
        yield Finding(
            grave=useless,
            reason="RUNTIME_UNAVAILABLE",
            about=about,
            message=f"it cannot run {card.name}",
            remedy=card.reason,
        )


def _queue(queue: GetQueueResponse | None) -> Iterator[Finding]:
    if queue is None or queue.longest_wait.ToTimedelta() <= WAIT:
        return
    waited = tables.duration(queue.longest_wait.ToTimedelta().total_seconds())
    yield Finding(
        grave=False,
        reason="JOB_WAITS",
        about="queue",
        message=f"job {queue.longest_job_id} has waited for {waited}",
        remedy=f"`pawl explain {queue.longest_job_id}` tells what it waits for.",
    )
