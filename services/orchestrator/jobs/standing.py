"""A job with what stands around it: what its explanation is made from."""

from dataclasses import dataclass
from datetime import datetime

from services.orchestrator.jobs.claim import Candidate
from services.orchestrator.jobs.job import Event, Job, JobId, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Read at one moment, by the database's clock."""

    job: Job
    """With its plan."""
    candidate: Candidate
    """The job as claimers see it."""
    now: datetime
    owner: str
    lease_until: datetime | None
    lease_expired: bool
    """It is RUNNING, and its claim is no longer in force."""
    poisoned: bool
    """The next claim gives it up instead."""
    overdue: bool
    """It has waited in the queue for longer than its task allows."""
    queue_deadline: datetime | None
    queued_time: datetime
    """When it entered the queue last."""
    output_time: datetime | None
    """When output of its agent was stored last."""
    ahead: int
    """Claimable jobs that are looked at before it."""
    repository_running: int
    """Jobs of its repository that are RUNNING."""
    neighbours: tuple[JobId, ...]
    """Some of those, itself left out."""
    last: Event
    """The newest event."""
    queued_by: Event
    """What put it into the queue last."""
    losses: tuple[Event, ...]
    """What was lost since the last checkpoint or retry, oldest first; only of a DEAD_LETTER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many jobs there are of one state and runtime."""

    state: JobState
    runtime: str
    jobs: int
    held: int
    """Those of them whose time to be claimed has not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """How many jobs there are that require a capability."""

    capability: str
    queued: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The jobs that have not ended."""

    counts: tuple[Count, ...]
    """By state, then by runtime."""
    required: tuple[Required, ...]
    """By capability; a job counts in each that it requires."""
    longest: JobId | None
    """The one that could have been claimed for longest."""
    since: datetime | None
    """Since when it could."""
    now: datetime
