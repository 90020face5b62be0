"""The orchestrator on the wire: translates, and leaves the meaning to those it asks."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

import grpc
from typing_extensions import override

from pawl.storage import Storage
from pawl.v1 import job_pb2, task_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc
from pawl.wire.errors import NotFound
from pawl.wire.storage import to_message
from services.orchestrator import convert, explained, history, reading, requests, watched
from services.orchestrator.artifacts import Artifacts
from services.orchestrator.cancelling import Cancelling
from services.orchestrator.feed import Feed, Watching
from services.orchestrator.jobs.eligibility import Offers, Process
from services.orchestrator.jobs.explain import explain
from services.orchestrator.jobs.job import Job, JobId, JobState
from services.orchestrator.jobs.reading import JobFilter
from services.orchestrator.jobs.runners import KnownRunner
from services.orchestrator.jobs.store import Store
from services.orchestrator.structs import struct_to_dict
from services.orchestrator.submitting import Contract, Submission, Submitting
from services.orchestrator.watching import Watch

PRINCIPAL = "local"
"""Everybody, until tokens are configured."""
PAGE_SIZE = 50

_STATES = {job_pb2.JobState.Value(name): state for state, name in convert.STATES.items()}

Context = grpc.aio.ServicerContext[Any, Any]


class Fleet(Protocol):
    """What there is to say about runners."""

    def offers(self) -> Offers:
        """What they would take now, with what is added to every one."""

    def runners(self) -> Sequence[KnownRunner]:
        """Every runner there is, by target."""


class Keeping(Protocol):
    """Who knows what is kept here."""

    async def report(self) -> Storage:
        """What there is, whether or not the store answers."""


class OrchestratorServicer(rpc.OrchestratorServiceServicer):
    """One per process; `on_submitted` and `on_cancel` tell whoever drives jobs in it.

    `process` is asked what it has on its hands, as `owner` of its claims.
    After `settle` a run that nobody follows has ended.
    """

    def __init__(
        self,
        *,
        store: Store,
        artifacts: Artifacts,
        contract: Contract,
        fleet: Fleet,
        feed: Feed,
        on_submitted: Callable[[], None],
        on_cancel: Callable[[str], None],
        process: Callable[[], Process],
        owner: str,
        settle: timedelta,
        keeping: Keeping,
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._fleet = fleet
        self._feed = feed
        self._cancelling = Cancelling(store=store, artifacts=artifacts)
        self._submitting = Submitting(store=store, contract=contract, fleet=fleet)
        self._on_submitted = on_submitted
        self._on_cancel = on_cancel
        self._process = process
        self._owner = owner
        self._settle = settle
        self._keeping = keeping

    @override
    async def SubmitTask(
        self, request: pb.SubmitTaskRequest, context: Context
    ) -> pb.SubmitTaskResponse:
        submission = Submission(
            principal=PRINCIPAL,
            payload=struct_to_dict(request.payload),
            request_id=request.request_id,
            priority=request.priority,
            max_attempts=request.max_attempts,
            labels=dict(request.labels),
            expected_digest=request.expected_digest,
        )
        requests.check(
            requests.of_submit(
                payload=submission.payload,
                request_id=submission.request_id,
                priority=submission.priority,
                max_attempts=submission.max_attempts,
                labels=submission.labels,
            )
        )
        submitted = await self._submitting.submit(submission)
        if not submitted.replayed:
            self._on_submitted()
        return pb.SubmitTaskResponse(
            job=convert.job_to_message(submitted.job),
            replayed=submitted.replayed,
            warnings=[
                task_pb2.Warning(reason=one.reason, field=one.field, description=one.description)
                for one in submitted.remarks
            ],
        )

    @override
    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        job = await self._job(request.job_id, with_plan=not request.without_plan)
        return pb.GetJobResponse(job=convert.job_to_message(job))

    @override
    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        states = [_STATES.get(number) for number in request.states]
        requests.check(
            requests.of_list(
                page_size=request.page_size,
                states=states,
                skill=request.skill,
                publish_mode=request.publish_mode,
                text=request.text,
            )
        )
        matching = JobFilter(
            states=tuple(state for state in states if state is not None),
            runtime=request.runtime,
            repository=request.repository,
            label=request.label,
            skill=request.skill,
            publish_mode=request.publish_mode,
            text=request.text,
        )
        jobs, more = await self._store.jobs(
            matching, size=request.page_size or PAGE_SIZE, after=request.page_token
        )
        return pb.ListJobsResponse(
            jobs=[convert.job_to_message(job) for job in jobs], next_page_token=more
        )

    @override
    async def CancelJob(
        self, request: pb.CancelJobRequest, context: Context
    ) -> pb.CancelJobResponse:
        requests.check(requests.of_cancel(reason=request.reason))
        job = await self._cancelling.cancel(request.job_id, by=PRINCIPAL, reason=request.reason)
        if job is None:
            raise _no_job(request.job_id)
        self._feed.wake(job.job_id)
        if job.state is JobState.RUNNING:
            self._on_cancel(job.job_id)
        return pb.CancelJobResponse(job=convert.job_to_message(job))

    @override
    async def RetryJob(self, request: pb.RetryJobRequest, context: Context) -> pb.RetryJobResponse:
        from_step = request.from_step_index if request.HasField("from_step_index") else None
        requests.check(requests.of_retry(from_step=from_step, ended_attempt=request.ended_attempt))
        job = await self._store.retry(
            request.job_id,
            by=PRINCIPAL,
            from_step=from_step,
            ended_attempt=request.ended_attempt,
            settle=self._settle,
        )
        if job is None:
            raise _no_job(request.job_id)
        self._feed.wake(job.job_id)
        self._on_submitted()
        return pb.RetryJobResponse(job=convert.job_to_message(job))

    @override
    async def WatchJob(
        self, request: pb.WatchJobRequest, context: Context
    ) -> AsyncIterator[pb.WatchJobResponse]:
        wish = watched.asked(request)
        job = await self._job(request.job_id)
        watching = self._feed.watch(job.job_id)
        # Not in a `finally`: the generator of a reader that left while something was being
        # sent to it is closed whenever it is found.
        context.add_done_callback(_closing(watching))
        watch = Watch(job, wish, store=self._store, output=self._artifacts, watching=watching)
        async for seen in watch.follow():
            yield watched.seen_to_message(seen)

    @override
    async def ExplainJob(
        self, request: pb.ExplainJobRequest, context: Context
    ) -> pb.ExplainJobResponse:
        limit = self._process().per_repository
        standing = await self._store.standing(request.job_id, per_repository=limit)
        if standing is None:
            raise _no_job(request.job_id)
        return explained.explanation_to_message(
            explain(
                standing,
                self._fleet.runners(),
                own=self._fleet.offers().own,
                process=self._process(),
                here=self._owner,
            )
        )

    @override
    async def GetQueue(self, request: pb.GetQueueRequest, context: Context) -> pb.GetQueueResponse:
        return explained.queue_to_message(await self._store.queue(), self._fleet.offers())

    @override
    async def GetHistory(
        self, request: pb.GetHistoryRequest, context: Context
    ) -> pb.GetHistoryResponse:
        length, buckets = history.asked(request)
        return history.history_to_message(await self._store.history(length=length, buckets=buckets))

    @override
    async def ListArtifacts(
        self, request: pb.ListArtifactsRequest, context: Context
    ) -> pb.ListArtifactsResponse:
        job = await self._job(request.job_id)
        listed = await self._store.artifacts(job.job_id)
        return pb.ListArtifactsResponse(
            artifacts=[convert.artifact_to_message(one) for one in listed]
        )

    @override
    async def ReadArtifact(
        self, request: pb.ReadArtifactRequest, context: Context
    ) -> AsyncIterator[pb.ReadArtifactResponse]:
        requests.check(requests.of_read(offset=request.offset))
        job = await self._job(request.job_id)
        pieces = reading.read(self._store, self._artifacts, job, request.path, request.offset)
        async for offset, data in pieces:
            yield pb.ReadArtifactResponse(offset=offset, data=data)

    @override
    async def GetStorage(
        self, request: pb.GetStorageRequest, context: Context
    ) -> pb.GetStorageResponse:
        return pb.GetStorageResponse(storage=to_message(await self._keeping.report()))

    @override
    async def ListRunners(
        self, request: pb.ListRunnersRequest, context: Context
    ) -> pb.ListRunnersResponse:
        return pb.ListRunnersResponse(
            runners=[convert.runner_to_message(one) for one in self._fleet.runners()],
            orchestrator_capabilities=sorted(self._fleet.offers().own),
        )

    async def _job(self, job_id: str, *, with_plan: bool = False) -> Job:
        job = await self._store.job(job_id, with_plan=with_plan)
        if job is None:
            raise _no_job(job_id)
        return job


def _closing(watching: Watching) -> Any:
    def close(_: Context) -> None:
        watching.close()

    return close


def _no_job(job_id: str) -> NotFound:
    return NotFound(
        "JOB_NOT_FOUND", f"no job has the id {job_id!r}", metadata={"job_id": JobId(job_id)}
    )
