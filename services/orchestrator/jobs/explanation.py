"""Why a job is where it is, as values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto

from services.orchestrator.jobs.eligibility import Look
from services.orchestrator.jobs.job import Event, Job, JobId
from services.orchestrator.jobs.plan import Stage


class StandingReason(StrEnum):
    """What matters most about where a job is; the words of the protos."""

    ELIGIBLE = auto()
    NOT_BEFORE = auto()
    QUEUE_EXPIRED = auto()
    POISONED = auto()
    REPOSITORY_LIMIT = auto()
    NO_RUNNER = auto()
    CAPABILITY_MISSING = auto()
    RUNTIME_UNAVAILABLE = auto()
    NO_FREE_SLOT = auto()
    MAX_JOBS = auto()
    LETTING_GO = auto()
    WORKING = auto()
    SILENT = auto()
    BACKING_OFF = auto()
    CANCELLING = auto()
    OWNER_LOST = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()
    DEAD_LETTER = auto()


@dataclass(frozen=True, slots=True)
class Held:
    """One thing in the way of a claim."""

    reason: StandingReason
    message: str
    """A sentence without its end, so that others can be made with it."""
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What became of asking one runner, with what it has on its hands."""

    look: Look
    slots: int
    jobs: tuple[JobId, ...]
    """Those whose workspaces it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that is QUEUED."""

    position: int
    since: datetime
    queue_deadline: datetime | None
    runners: tuple[Asked, ...]
    nearest_target: str
    repository_limit: int
    repository_running: int
    repository_jobs: tuple[JobId, ...]
    max_jobs: int
    driven: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A job that is RUNNING."""

    stage: Stage | None
    step_index: int | None
    run_id: str
    runner_id: str
    runner_reachable: bool
    heard_time: datetime
    silent_for: timedelta
    silence_limit: timedelta
    owner: str
    owned_here: bool
    lease_until: datetime | None
    lease_expired: bool
    cancel_waits_for: str
    back_off_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job that has ended."""

    event: Event
    losses: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a job is where it is."""

    job: Job
    reason: StandingReason
    summary: str
    holds: tuple[Held, ...]
    about: Waiting | Running | Ended

    @property
    def eligible(self) -> bool:
        """A claim of it would succeed now."""
        return not self.holds


def moment(time: datetime) -> str:
    """A time as people write it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def span(length: timedelta) -> str:
    """How long something takes, as people say it."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
