"""What the domain asks of a store.

Two doors lead to a job. Whoever holds a claim writes through `Driving`: every
method takes the claim, and the first statement of its transaction updates the
job row where id, epoch and owner are the claim's and the state is RUNNING; no
row means `LeaseLost`, and nothing was written. Everybody else writes through
`Accepting`, whose first statement is predicated on the job's state. Both
allocate the numbers of their events in that same statement, so that sequences
have no gap and follow the order of commits.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pawl.wire.errors import AlreadyExists
from services.orchestrator.jobs.claim import Candidate, Claim
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.history import History
from services.orchestrator.jobs.job import (
    Artifact,
    CancelRequest,
    Event,
    Job,
    JobId,
    JobOutcome,
    JobState,
    NewEvent,
    Segment,
    StepState,
    Stream,
    Usage,
)
from services.orchestrator.jobs.plan import Plan, Stage
from services.orchestrator.jobs.publishing import Publication
from services.orchestrator.jobs.reconciling import Reconciling
from services.orchestrator.jobs.retention import Retaining
from services.orchestrator.jobs.standing import Queue, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to store."""

    job_id: JobId
    principal: str
    request_id: str
    """Empty when the caller gave none."""
    submit_digest: str
    plan: Plan
    priority: int
    max_attempts: int
    labels: Mapping[str, str]


def same_job(earlier: tuple[str, JobId], request_id: str, submit_digest: str) -> JobId:
    """The job that `submitted` found for a request id, if it was asked for in the same words.

    Raises AlreadyExists REQUEST_ID_REUSED when it was not.
    """
    digest, job_id = earlier
    if digest != submit_digest:
        raise AlreadyExists(
            "REQUEST_ID_REUSED",
            f"request_id {request_id} names job {job_id}, which was submitted with another "
            "payload, priority, attempt limit or label set; choose a new request_id",
            metadata={"job_id": job_id},
        )
    return job_id


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; empty fields take all."""

    states: tuple[JobState, ...] = ()
    runtime: str = ""
    repository: str = ""
    label: str = ""
    """``key=value``, or ``key`` for any value."""
    skill: str = ""
    """The id of one that the task or a step has in effect."""
    publish_mode: str = ""
    text: str = ""
    """Words that have to occur, in any order; see `ListJobsRequest.text`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A piece of an attempt's `.log` that one stream wrote; kept when segments are gone."""

    position: int
    """Where it begins in the `.log`, in bytes."""
    stream: Stream
    offset: int
    """Where it begins in the stream, in bytes."""
    size: int


class Reading(Protocol):
    """Questions that change nothing. A job that is not there is None."""

    async def job(self, job_id: str, *, with_plan: bool = True) -> Job | None:
        """The job with its steps."""

    async def jobs(
        self, matching: JobFilter, *, size: int, after: str
    ) -> tuple[Sequence[Job], str]:
        """A page, newest first, without plans, and the token of the next page or ""."""

    async def events(self, job_id: str, *, after: int, limit: int) -> Sequence[Event]:
        """Events with a higher sequence number, in order."""

    async def artifacts(self, job_id: str) -> Sequence[Artifact]:
        """Everything listed, by path."""

    async def artifact(self, job_id: str, path: str) -> Artifact | None:
        """One artifact."""

    async def segments(
        self, job_id: str, *, step_index: int, attempt: int, after_order: int, limit: int
    ) -> Sequence[Segment]:
        """Segments of one attempt with a higher order, in order of arrival."""

    async def unjoined(self, job_id: str, *, step_index: int) -> Sequence[int]:
        """The attempts of a step whose bytes are in segments, in order."""

    async def stretches(
        self, job_id: str, *, step_index: int, attempt: int, from_position: int, limit: int
    ) -> Sequence[Stretch]:
        """Stretches of one attempt that begin at or behind a position of its log, in order."""

    async def received(self, job_id: str, *, step_index: int, attempt: int) -> dict[Stream, int]:
        """How many bytes of each stream of an attempt are stored."""

    async def standing(self, job_id: str, *, per_repository: int) -> Standing | None:
        """The job with what stands around it, at one moment."""

    async def queue(self) -> Queue:
        """How many jobs there are that have not ended."""

    async def history(self, *, length: timedelta, buckets: int) -> History:
        """What became of jobs in so many buckets; the last one is under way."""

    async def next_order(self, job_id: str, *, step_index: int, attempt: int) -> int:
        """The order of the next segment of an attempt."""

    async def publication(self, job_id: str) -> Publication | None:
        """The recorded intent."""


class Accepting(Protocol):
    """Writes by those who hold no claim."""

    async def submitted(self, principal: str, request_id: str) -> tuple[str, JobId] | None:
        """The submit digest and the job under a request id, if there is one."""

    async def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Stores the job with `job.submitted`; True for a job that was there already.

        Two submits of one request id make one job, however they race. Raises
        AlreadyExists REQUEST_ID_REUSED when the digests differ.
        """

    async def request_cancel(
        self, job_id: str, *, by: str, reason: str, receipt: Artifact | None = None
    ) -> Job | None:
        """Cancels a queued job at once, or records the request; None for no such job.

        `receipt` is listed where the job was queued.

        Idempotent: a second request, or one for a CANCELLED job, changes nothing.
        Writes `job.cancel.requested`, and for a queued job `job.cancelled`. Raises
        FailedPrecondition TOO_LATE once the intent is recorded, together with the
        event `job.cancel.tooLate` the first time, and JOB_ENDED after the end.
        """

    async def retry(
        self,
        job_id: str,
        *,
        by: str,
        from_step: int | None,
        ended_attempt: int,
        settle: timedelta,
    ) -> Job | None:
        """Opens a FAILED or DEAD_LETTER job again with `job.retried`; None for no such job.

        It is QUEUED, in its next attempt; the steps from `from_step` on are PENDING and what
        they left is below ``attempts/<n>/``, what they consumed in `spent`. One that was
        POISONED waits for `settle` from its end. Raises what RetryJob refuses, and then
        nothing has changed.
        """

    async def expire_queued(self) -> Sequence[JobId]:
        """Fails jobs whose queue time is over with QUEUE_EXPIRED."""


class Claiming(Protocol):
    """How jobs find an owner."""

    async def candidates(
        self,
        *,
        limit: int,
        after: str = "",
        state: JobState | None = None,
        per_repository: int = 0,
        without: Collection[tuple[str, ...]] = (),
        publishing: bool = False,
    ) -> Sequence[Candidate]:
        """Claimable jobs, of one state or of either, by priority, then order of submission.

        QUEUED with `not_before` past, or RUNNING with an expired lease, by the
        database's clock. `after` is the last job of the page before. QUEUED jobs of a
        repository of which `per_repository` jobs are RUNNING are left out; 0 allows any
        number. Jobs that require exactly one of `without` are left out, too; with
        `publishing`, those that have anything left but to publish.
        """

    async def claim(
        self,
        job_id: JobId,
        *,
        owner: str,
        term: timedelta,
        per_repository: int = 0,
        nonce: str = "",
    ) -> Claim | None:
        """Claims it, with `job.claimed`; None when it is no longer claimable.

        A job that is QUEUED is not, while `per_repository` others of its repository are
        RUNNING: two that claim at once cannot pass that number together.

        A job claimed more than five times without progress becomes DEAD_LETTER
        with POISONED instead, and the answer is None. After StoreAway the claim may
        have been made all the same: `claimed` knows it by its nonce.
        """

    async def claimed(self, job_id: JobId, *, owner: str, nonce: str) -> Claim | None:
        """The claim that was made with a nonce nothing else has, while it is in force."""

    def renew(self, claim: Claim, *, term: timedelta) -> CancelRequest | None:
        """Extends the lease; blocks, and is called from the lease's own thread.

        Gives the cancel request, if there is one. Raises LeaseLost, StoreAway.
        """

    async def give_up(self, owner: str) -> None:
        """Ends every lease of `owner`, so that others may claim at once."""


class Driving(Protocol):
    """Writes by the owner of a claim. Every method may raise LeaseLost."""

    async def note(self, claim: Claim, *events: NewEvent) -> None:
        """Stores facts."""

    async def enter(self, claim: Claim, stage: Stage, *events: NewEvent) -> None:
        """Moves the job into a stage."""

    async def pin(
        self,
        claim: Claim,
        *events: NewEvent,
        default_branch: str,
        base_commit: str,
        working_branch: str,
    ) -> Job:
        """Fixes base and branches; what was fixed before wins, and is given back."""

    async def house(
        self,
        claim: Claim,
        *events: NewEvent,
        workspace_id: str,
        runner_id: str,
        incarnation: str,
    ) -> None:
        """Notes which workspace the job uses; `workspace_count` follows its number."""

    async def unhouse(self, claim: Claim) -> None:
        """Notes that the job has no workspace any more."""

    async def start_step(
        self,
        claim: Claim,
        *events: NewEvent,
        step_index: int,
        attempt: int,
        run_id: str,
        runner_id: str,
        incarnation: str,
        workspace_id: str,
    ) -> None:
        """The step is RUNNING in this attempt, and so is the job."""

    async def tell_version(
        self, claim: Claim, *, step_index: int, attempt: int, version: str
    ) -> None:
        """Notes with which version of its CLI a RUNNING step's attempt runs."""

    async def finish_step(
        self,
        claim: Claim,
        *events: NewEvent,
        step_index: int,
        commit: str,
        tree: str,
        summary: str,
        usage: Usage | None,
        artifacts: Sequence[Artifact],
    ) -> None:
        """The step is SUCCEEDED, its checkpoint and artifacts are stored.

        Resets `losses` and the count of claims without progress, and forgets the
        attempt's segments: their bytes are in the artifacts.
        """

    async def end_step(
        self,
        claim: Claim,
        *events: NewEvent,
        step_index: int,
        state: StepState,
        summary: str,
        usage: Usage | None,
        artifacts: Sequence[Artifact],
        counted: bool = True,
    ) -> None:
        """The step is FAILED, CANCELLED or LOST; LOST adds one to `attempt` and `losses`.

        A loss that is not `counted` adds to `attempt` alone. What a LOST attempt consumed
        is added to the job's `spent`.

        Forgets the attempt's segments, as `finish_step` does.
        """

    async def append_output(self, claim: Claim, segments: Sequence[Segment]) -> None:
        """Stores rows for segments whose bytes are durable already.

        A segment that is there already is passed over.
        """

    async def merge_output(self, claim: Claim, merged: Segment, *, first_order: int) -> None:
        """Puts one segment in the place of its attempt's from `first_order` to its own order.

        Raises ValueError where it does not hold exactly the bytes of those.
        """

    async def join_output(
        self, claim: Claim, *, step_index: int, attempt: int, artifacts: Sequence[Artifact]
    ) -> None:
        """Lists the logs of an attempt that has ended, and forgets its segments."""

    async def keep(self, claim: Claim, artifacts: Sequence[Artifact]) -> None:
        """Lists artifacts; an equal path with an equal digest is passed over."""

    async def intend(
        self, claim: Claim, publication: Publication, *events: NewEvent
    ) -> Publication:
        """Records the intent once; the recorded one wins, and is given back.

        Raises CancelWins when a cancel was requested before.
        """

    async def reach(self, claim: Claim, phase: str, *events: NewEvent) -> None:
        """Moves the publication forward; `PUSHED` also sets the job's published commit."""

    async def request_pull_request(self, claim: Claim) -> None:
        """Notes, by the database's clock, that a request that may open one is about to begin."""

    async def opened_pull_request(
        self, claim: Claim, *events: NewEvent, number: int, url: str
    ) -> None:
        """Records the job's pull request, once; the publication is `OPENED` then."""

    async def requeue(self, claim: Claim, *events: NewEvent, not_before: datetime | None) -> None:
        """QUEUED again, without an owner; a cancel-requested job raises CancelWins."""

    async def end(
        self,
        claim: Claim,
        *events: NewEvent,
        state: JobState,
        outcome: JobOutcome,
        failure: Failure | None = None,
    ) -> None:
        """The terminal write: state, outcome, event, and the lease is gone.

        The last of `events` is the terminal event. SUCCEEDED raises CancelWins when
        a cancel was requested and no intent is recorded.
        """


class Store(Reading, Accepting, Claiming, Driving, Retaining, Reconciling, Protocol):
    """All of it, in one database."""
