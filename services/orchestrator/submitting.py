"""Takes a task in as a job: once for each request id, exactly as the contract plans it."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pawl.wire.errors import FailedPrecondition
from pawl.wire.faultpoints import Point, reach
from services.orchestrator.jobs.accepting import NewJob, same_job
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.eligibility import Offers, missing_capabilities
from services.orchestrator.jobs.job import Job, JobId
from services.orchestrator.jobs.plan import Plan
from services.orchestrator.jobs.retries import DEFAULT_MAX_ATTEMPTS
from services.orchestrator.jobs.store import Store


class Remark(Protocol):
    """Something a caller should see although it does not stop the task."""

    @property
    def reason(self) -> str:
        """UPPER_SNAKE."""

    @property
    def field(self) -> str:
        """The path it speaks of; may be empty."""

    @property
    def description(self) -> str:
        """One sentence for a person."""


@dataclass(frozen=True, slots=True)
class FleetRemark:
    """A remark about what runs now."""

    reason: str
    field: str
    description: str


class Contract(Protocol):
    """Who knows what a valid task is."""

    async def plan(self, payload: Mapping[str, Any]) -> tuple[Plan, Sequence[Remark]]:
        """The plan of a raw payload. Raises InvalidArgument, Unavailable."""


class Fleet(Protocol):
    """Who knows what runners offer."""

    def offers(self) -> Offers:
        """What the fleet would take now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a caller submits."""

    principal: str
    payload: Mapping[str, Any]
    request_id: str
    priority: int
    max_attempts: int
    """0 for the default."""
    labels: Mapping[str, str]
    expected_digest: str
    """Empty takes any plan."""

    @property
    def digest(self) -> str:
        """What makes two submits the same, whatever the contract says of them."""
        whole = [self.payload, self.priority, self.max_attempts, dict(self.labels)]
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job of a submission."""

    job: Job
    replayed: bool
    remarks: tuple[Remark, ...]


class Submitting:
    """Where submissions are taken in."""

    def __init__(
        self,
        *,
        store: Store,
        contract: Contract,
        fleet: Fleet,
        new_id: Callable[[], JobId] | None = None,
    ) -> None:
        self._store = store
        self._contract = contract
        self._fleet = fleet
        self._new_id = new_id or new_job_id

    async def submit(self, submission: Submission) -> Submitted:
        """Stores the job, or finds the one an equal submission made.

        The digest is looked up before the contract is asked: a repetition gets its job
        back although the contract has changed its mind meanwhile, or is away.
        Raises InvalidArgument, AlreadyExists, FailedPrecondition, Unavailable.
        """
        earlier = await self._earlier(submission)
        if earlier is not None:
            return Submitted(earlier, replayed=True, remarks=self._remarks(earlier.capabilities))
        plan, remarks = await self._contract.plan(submission.payload)
        if submission.expected_digest not in {"", plan.digest}:
            raise FailedPrecondition(
                "DIGEST_MISMATCH",
                "the plan of this payload is not the one expected_digest names; "
                "validate it again and look at the difference",
                metadata={"digest": plan.digest},
            )
        reach(Point.S1, StoreAway)
        job, replayed = await self._store.submit(
            NewJob(
                job_id=self._new_id(),
                principal=submission.principal,
                request_id=submission.request_id,
                submit_digest=submission.digest,
                plan=plan,
                priority=submission.priority,
                max_attempts=submission.max_attempts or DEFAULT_MAX_ATTEMPTS,
                labels=submission.labels,
            )
        )
        reach(Point.S2, StoreAway)
        return Submitted(job, replayed, (*remarks, *self._remarks(job.capabilities)))

    async def _earlier(self, submission: Submission) -> Job | None:
        if not submission.request_id:
            return None
        found = await self._store.submitted(submission.principal, submission.request_id)
        if found is None:
            return None
        same_job(found, submission.request_id, submission.digest)
        return await self._store.job(found[1])

    def _remarks(self, capabilities: Sequence[str]) -> tuple[Remark, ...]:
        return tuple(
            FleetRemark(
                reason="CAPABILITY_MISSING",
                field="",
                description=(
                    f"nobody offers {name} now; the job waits in the queue until somebody does"
                ),
            )
            for name in missing_capabilities(capabilities, self._fleet.offers())
        )


def new_job_id(time: datetime | None = None, randomness: bytes | None = None) -> JobId:
    """A UUIDv7: ids sort by the time they were made, in milliseconds."""
    time = time or datetime.now(UTC)
    random = int.from_bytes(randomness or os.urandom(10))
    value = (int(time.timestamp() * 1000) & (1 << 48) - 1) << 80
    value |= 7 << 76 | (random >> 68 & 0xFFF) << 64 | 2 << 62 | random & (1 << 62) - 1
    text = f"{value:032x}"
    return JobId("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))
