"""A job as the orchestrator knows it: states, steps, facts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum, auto
from typing import Any, NewType

from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.plan import Plan, PublishMode, Stage

JobId = NewType("JobId", str)
"""A lower-case UUIDv7."""


class JobState(StrEnum):
    """Where a job is in its life; the last four are terminal."""

    QUEUED = auto()
    RUNNING = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()
    DEAD_LETTER = auto()

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in {JobState.QUEUED, JobState.RUNNING}


class JobOutcome(StrEnum):
    """What became of a job that has ended."""

    PULL_REQUEST = auto()
    BRANCH = auto()
    NO_CHANGES = auto()
    PUBLISH_DISABLED = auto()
    FAILED = auto()
    CANCELLED = auto()


class StepState(StrEnum):
    """Where a step is in its life."""

    PENDING = auto()
    RUNNING = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()
    LOST = auto()


class Stream(StrEnum):
    """The streams a CLI writes to."""

    STDOUT = auto()
    STDERR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an agent consumed; None is unknown, never zero."""

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None


def total(used: Iterable[Usage | None]) -> Usage | None:
    """What several attempts consumed together; what none of them tells stays unknown."""
    known = [one for one in used if one is not None]
    if not known:
        return None
    sums: dict[str, Any] = {}
    for of in fields(Usage):
        told = [value for one in known if (value := getattr(one, of.name)) is not None]
        sums[of.name] = sum(told) if told else None
    return Usage(**sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """Who asked for a job to stop, when and why."""

    time: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one step is doing."""

    index: int
    id: str
    title: str
    state: StepState = StepState.PENDING
    attempt: int = 0
    run_id: str = ""
    runner_id: str = ""
    incarnation: str = ""
    workspace_id: str = ""
    """The workspace its newest attempt runs or ran in."""
    start_time: datetime | None = None
    end_time: datetime | None = None
    summary: str = ""
    usage: Usage | None = None
    checkpoint_commit: str = ""
    """The commit that holds the tree after the step; set exactly when it SUCCEEDED."""
    checkpoint_tree: str = ""
    version: str = ""
    """Of the CLI that its newest attempt runs or ran, as the runner tells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One queued execution of a plan, as stored."""

    job_id: JobId
    principal: str
    request_id: str
    state: JobState
    outcome: JobOutcome | None
    failure: Failure | None
    plan: Plan | None
    """None in lists."""
    repository: str
    runtime: str
    objective: str
    """The first line of its instructions, for lists."""
    publish_mode: PublishMode
    capabilities: tuple[str, ...]
    priority: int
    attempt: int
    """The attempt that the next step start belongs to; from 1."""
    max_attempts: int
    losses: int
    """Consecutive attempts the platform lost since the last checkpoint."""
    spent: Usage | None
    """What attempts consumed whose steps have been, or will be, run again; None is unknown."""
    labels: Mapping[str, str]
    not_before: datetime | None
    cancel_requested: CancelRequest | None
    create_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    stage: Stage | None
    steps: tuple[Step, ...]
    default_branch: str
    base_commit: str
    working_branch: str
    published_commit: str
    pull_request_url: str
    last_sequence: int
    epoch: int
    workspace_id: str
    """The newest workspace of the job; empty before the first and once it is closed."""
    workspace_count: int
    """How many workspaces the job has had; numbers the next one."""
    runner_id: str
    """The runner that holds `workspace_id`."""
    incarnation: str
    """The incarnation of that runner when the workspace was made."""

    duplicate_pull_requests: tuple[int, ...] = ()
    """Numbers of further pull requests that say they are this job's, found after its end."""
    checkpoints_removed: datetime | None = None
    """When its checkpoints were given up for their age: it cannot be opened again."""
    artifacts_removed: datetime | None = None
    """When its artifacts were."""

    @property
    def cursor(self) -> int:
        """The first step without a checkpoint; the number of steps when all have one."""
        for step in self.steps:
            if step.state is not StepState.SUCCEEDED:
                return step.index
        return len(self.steps)

    @property
    def consumed(self) -> Sequence[Usage | None]:
        """What every attempt that has ended has consumed, each once."""
        # A LOST one is part of `spent` from the moment it is lost.
        ended = (step.usage for step in self.steps if step.state is not StepState.LOST)
        return [self.spent, *ended]

    @property
    def checkpoint_commit(self) -> str:
        """The commit whose files the next step starts from; the base before the first step."""
        return self.steps[self.cursor - 1].checkpoint_commit if self.cursor else self.base_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A fact to store; the store numbers and dates it and adds the attempt."""

    type: str
    message: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    stage: Stage | None = None
    step_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A stored fact."""

    job_id: JobId
    sequence: int
    create_time: datetime
    type: str
    attempt: int
    stage: Stage | None
    step_index: int | None
    message: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A named, digested file of a job; `key` is where its bytes are."""

    path: str
    size: int
    sha256: str
    content_type: str
    key: str
    create_time: datetime | None = None
    """Given by the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a running step's output, its bytes under `key`."""

    step_index: int
    attempt: int
    stream: Stream
    offset: int
    size: int
    key: str
    order: int
    """Order of arrival within the attempt, both streams together; from 0."""
