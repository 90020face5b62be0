"""The right to drive a job, and how it ends."""

from dataclasses import dataclass

from pawl.wire.errors import Unavailable
from services.orchestrator.jobs.job import JobId, JobState


class LeaseLost(Exception):
    """Another claim is in force: stop all work for the job, do nothing outside."""


class StoreAway(Unavailable):
    """The database did not answer; nothing is known of what was written.

    Every question may end in it.
    """

    def __init__(self, why: str) -> None:
        super().__init__("DATABASE_AWAY", f"the database did not answer: {why}; ask again")


class CancelWins(Exception):
    """A cancel request came before the publish intent: nothing may be published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to drive one job until it is lost or given back."""

    job_id: JobId
    epoch: int
    owner: str
    previous: JobState
    """QUEUED, or RUNNING when it was taken over from an owner that was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A job that could be claimed, as far as the database can tell."""

    job_id: JobId
    state: JobState
    capabilities: tuple[str, ...]
    runner_id: str
    """Holds the job's workspace; empty when none does."""
    repository: str = ""
    publishing: bool = False
    """Nothing is left but to publish, which takes no runner."""
    room: int | None = None
    """How many more jobs of its repository may run; None for any number."""
    claimable: bool = True
    """The database would let it be claimed, as far as only the job itself counts."""
