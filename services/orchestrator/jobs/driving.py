"""The store as the owner of a claim sees it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import (
    Artifact,
    Job,
    JobOutcome,
    JobState,
    NewEvent,
    Segment,
    StepState,
    Usage,
)
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.publishing import Publication


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

    async def wait(self, claim: Claim, *, excused: timedelta, asked: bool) -> None:
        """Notes that the owner waits for somebody; `asked` says that it got no answer.

        One that is lost then counts as none that the job has ended. Nor do those before it count
        any more, where it has lived to see what it asked stay unanswered. Both end when `excused`
        is over since the first wait without other progress.
        """

    async def go_on(self, claim: Claim) -> None:
        """Notes that the owner's wait is over: it asks again, and counts again."""

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
