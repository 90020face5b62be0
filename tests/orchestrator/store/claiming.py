"""The moves that most tests of a store begin with."""

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import Artifact, Job, JobState, NewEvent, Segment, Stream
from services.orchestrator.jobs.publishing import Publication
from services.orchestrator.jobs.store import Store
from services.orchestrator.store import writes
from services.orchestrator.store.store import SqlStore
from tests.support.jobs import TERM, fact, some_job

EXPIRED = timedelta(microseconds=-1)
"""The term of a lease that has run out when it is given."""

RUN = {
    "run_id": "some-run",
    "runner_id": "runner-1",
    "incarnation": "first",
    "workspace_id": "some-job/1",
}
PUBLICATION = Publication(
    branch="task/1", expected="", base_commit="b" * 40, tree="t" * 40, commit="c" * 40, message="M"
)


@dataclass(frozen=True, slots=True)
class Rig:
    """A store with the usual moves."""

    store: Store

    async def submit(self, new: NewJob | None = None) -> Job:
        """A queued job."""
        job, _ = await self.store.submit(new or some_job())
        return job

    async def claim(self, job: Job | None = None, *, term: timedelta = TERM) -> Claim:
        """A claim of a job that can be claimed."""
        job = job or await self.submit()
        claim = await self.store.claim(job.job_id, owner="me", term=term)
        assert claim is not None
        return claim

    async def lapse(self, claim: Claim) -> Claim:
        """The same claim, whose lease has run out since it was given."""
        gone = writes.job.c.job_id == claim.job_id
        store = cast("SqlStore", self.store)
        await store._threads.write(writes.all_moved, gone, {"lease_until": 0})
        return claim

    async def start(self, claim: Claim, *, step_index: int = 0, attempt: int = 1) -> None:
        """A running step."""
        await self.store.start_step(
            claim,
            fact("task.step.started", step_index=step_index),
            step_index=step_index,
            attempt=attempt,
            **RUN,
        )

    async def finish(self, claim: Claim, *, step_index: int = 0) -> None:
        """A step with its checkpoint."""
        await self.store.finish_step(
            claim,
            fact("task.step.finished", step_index=step_index),
            step_index=step_index,
            commit=f"{step_index}" * 40,
            tree="f" * 40,
            summary="done",
            usage=None,
            artifacts=[an_artifact(f"logs/steps/step-{step_index:04}.log")],
        )

    async def read(self, claim: Claim | Job) -> Job:
        """The job as it is stored."""
        job = await self.store.job(claim.job_id)
        assert job is not None
        return job

    async def types(self, claim: Claim | Job) -> list[str]:
        """The job's events by type."""
        events = await self.store.events(claim.job_id, after=0, limit=1000)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert (await self.read(claim)).last_sequence == len(events)
        return [event.type for event in events]

    async def state(self, job: Claim | Job) -> JobState:
        """Where the job is."""
        return (await self.read(job)).state


def an_artifact(path: str, sha256: str = "a" * 64) -> Artifact:
    """An artifact to list."""
    return Artifact(path=path, size=3, sha256=sha256, content_type="text/plain", key=f"k/{sha256}")


def a_segment(
    order: int, offset: int, size: int, stream: Stream = Stream.STDOUT, *, attempt: int = 1
) -> Segment:
    """A segment of the first step."""
    return Segment(
        step_index=0,
        attempt=attempt,
        stream=stream,
        offset=offset,
        size=size,
        key=f"segment-{order}",
        order=order,
    )


def ended(kind: str = "succeeded") -> NewEvent:
    """A terminal event."""
    return fact(f"job.{kind}")
