"""The words the runner's parts share: specs, activities, ends of runs."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import NewType

RunId = NewType("RunId", str)
"""``<job_id>/<attempt>/<step_index>``."""

WorkspaceId = NewType("WorkspaceId", str)
"""``<job_id>/<n>``, chosen by the orchestrator."""


_JOB = "[a-z0-9][a-z0-9-]{0,63}"
_RUN_NAME = re.compile(rf"({_JOB})/([1-9][0-9]{{0,8}})/([0-9]|[1-9][0-9]{{1,8}})")
_WORKSPACE_ID = re.compile(rf"({_JOB})/([0-9]{{1,9}})")


@dataclass(frozen=True, slots=True, order=True)
class RunName:
    """A run id in its parts."""

    job_id: str
    attempt: int
    step_index: int

    @classmethod
    def parse(cls, text: str) -> "RunName | None":
        """Returns the parts, or None where `text` is no run id."""
        match = _RUN_NAME.fullmatch(text)
        return cls(match[1], int(match[2]), int(match[3])) if match else None

    @property
    def run_id(self) -> RunId:
        """The whole."""
        return RunId(f"{self.job_id}/{self.attempt}/{self.step_index}")


def job_of(workspace_id: str) -> str | None:
    """Returns the job a workspace belongs to, or None where it is no workspace id."""
    match = _WORKSPACE_ID.fullmatch(workspace_id)
    return match[1] if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What ends a run early; every field is positive."""

    step_timeout: timedelta
    silence: timedelta
    max_output_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """What to run. Two calls that name one run must carry equal specs."""

    runtime: str
    model: str | None
    effort: str | None
    prompt: str
    limits: Limits


class ActivityKind(StrEnum):
    """What an agent did, in words that fit all runtimes."""

    MESSAGE = auto()
    REASONING = auto()
    TOOL_CALL = auto()
    TOOL_RESULT = auto()
    FILE_CHANGE = auto()
    USAGE = auto()
    SESSION = auto()
    NOTICE = auto()
    ERROR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run has cost so far; None is unknown, never zero."""

    input_tokens: int | None = None
    """All input, cached input included."""
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None


class ErrorClass(StrEnum):
    """Whose trouble an error is, as far as the CLI lets us know."""

    AUTH = auto()
    RATE_LIMIT = auto()
    OVERLOADED = auto()
    REFUSED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing an agent did; `text` is at most 8 KiB, controls made visible."""

    kind: ActivityKind
    text: str = ""
    path: str = ""
    """For FILE_CHANGE: the file, relative to the repository where it lies in it."""
    usage: Usage | None = None
    error_class: ErrorClass | None = None
    reset_time: datetime | None = None
    """For RATE_LIMIT: when the provider takes requests again, where it said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How the CLI's process ended: exactly one of the two is set."""

    code: int | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run failed: a reason of `docs/failures.md`, two sentences for a person."""

    reason: str
    message: str
    remedy: str


class Stream(StrEnum):
    """What a CLI writes to."""

    STDOUT = auto()
    STDERR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSeen:
    """A process, as part of a receipt."""

    pid: int
    name: str
    start_time: int = 0
    """In ticks since boot: with the pid it names one process for ever. 0 is not known."""
    ways: tuple[str, ...] = ()
    """Of `session`, `parentage` and `mark`: how it was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSignal:
    """One signal that was sent to end a run."""

    name: str
    target: str
    """`group`, or `sweep` for a descendant that had left the group."""
    pid: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was done to end a run's processes, and what is left of them."""

    signals: tuple[SentSignal, ...] = ()
    """The first of them, as of processes; the counts are of all."""
    signal_count: int = 0
    before: tuple[ProcessSeen, ...] = ()
    """What ran when the stop began."""
    before_count: int = 0
    after: tuple[ProcessSeen, ...] = ()
    """What ran after the last sweep; empty where it worked."""
    after_count: int = 0
    survivors: tuple[ProcessSeen, ...] = ()
    """What of that lives still."""
    end: Exit | None = None
    """How the CLI itself ended, where anybody saw it."""
    duration: timedelta = timedelta()


class Outcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()
    LOST = auto()
    """Its processes are known to be gone, and nobody saw how they ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a run ended; no process of it is left, but for the survivors its receipt names."""

    outcome: Outcome
    end: Exit | None
    """None where nobody saw it, or nothing could be started."""
    failure: Failure | None = None
    """Set exactly where the outcome is FAILED or LOST."""
    duration: timedelta = timedelta()
    usage: Usage | None = None
    final_message: str = ""
    """At most 16 KiB of UTF-8."""
    receipt: Receipt | None = None
    """Set where the run was stopped or left processes behind."""
    reset_time: datetime | None = None
    """For AGENT_RATE_LIMITED: when to try again, where the provider said so."""
