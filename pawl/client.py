"""A typed asynchronous client of Pawl's services.

    async with connected("127.0.0.1:50052") as client:
        answer = await client.submit({"repository": ..., "task": {...}})
        async for happened in client.watch(answer.job.job_id):
            ...

Every failure is a `pawl.wire.errors.Refusal`. A call that found nobody is made
again a few times, which is safe: reads and cancels change nothing twice, and a
submit always carries a request id.
"""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from google.protobuf.struct_pb2 import Struct

from pawl.v1 import contract_pb2, contract_pb2_grpc, job_pb2, orchestrator_pb2, task_pb2
from pawl.v1 import orchestrator_pb2_grpc as rpc
from pawl.wire import seen
from pawl.wire.calls import Caller, Gap
from pawl.wire.channel import channel

Activity = job_pb2.Activity
ActivityKind = job_pb2.ActivityKind
Artifact = job_pb2.Artifact
Ended = orchestrator_pb2.Ended
ExplainJobResponse = orchestrator_pb2.ExplainJobResponse
FieldViolation = task_pb2.FieldViolation
GetHistoryResponse = orchestrator_pb2.GetHistoryResponse
GetQueueResponse = orchestrator_pb2.GetQueueResponse
HistoryBucket = orchestrator_pb2.HistoryBucket
Hold = orchestrator_pb2.Hold
Job = job_pb2.Job
JobEvent = job_pb2.JobEvent
JobOutcome = job_pb2.JobOutcome
JobState = job_pb2.JobState
Lengths = orchestrator_pb2.Lengths
ListArtifactsResponse = orchestrator_pb2.ListArtifactsResponse
ListJobsResponse = orchestrator_pb2.ListJobsResponse
ListRunnersResponse = orchestrator_pb2.ListRunnersResponse
OutputChunk = job_pb2.OutputChunk
OutputPosition = orchestrator_pb2.OutputPosition
OutputStream = job_pb2.OutputStream
Plan = task_pb2.Plan
PlannedStep = task_pb2.PlannedStep
ProvenanceSource = task_pb2.ProvenanceSource
Runner = job_pb2.Runner
RunnerLook = orchestrator_pb2.RunnerLook
RunnerObstacle = orchestrator_pb2.RunnerObstacle
Running = orchestrator_pb2.Running
SkillSource = task_pb2.SkillSource
Stage = task_pb2.Stage
StandingReason = orchestrator_pb2.StandingReason
Step = job_pb2.Step
StepState = job_pb2.StepState
Storage = job_pb2.Storage
SubmitTaskResponse = orchestrator_pb2.SubmitTaskResponse
WatchJobResponse = orchestrator_pb2.WatchJobResponse
ValidateTaskResponse = contract_pb2.ValidateTaskResponse
Usage = job_pb2.Usage
Waiting = orchestrator_pb2.Waiting
Warning = task_pb2.Warning  # noqa: A001  the word the protos have for it

Happening = seen.Happening
"""What `OrchestratorClient.watch` yields."""

TERMINAL = frozenset(
    {
        JobState.JOB_STATE_SUCCEEDED,
        JobState.JOB_STATE_FAILED,
        JobState.JOB_STATE_CANCELLED,
        JobState.JOB_STATE_DEAD_LETTER,
    }
)
"""The states in which nothing happens to a job any more."""


@asynccontextmanager
async def connected(target: str, *, token: str = "") -> AsyncIterator["OrchestratorClient"]:
    """A client of the orchestrator at ``host:port`` for the length of the block."""
    async with channel(target) as open_channel:
        yield OrchestratorClient(rpc.OrchestratorServiceStub(open_channel), Caller(target, token))


@asynccontextmanager
async def connected_to_contract(target: str, *, token: str = "") -> AsyncIterator["ContractClient"]:
    """A client of the contract at ``host:port`` for the length of the block."""
    async with channel(target) as open_channel:
        stub = contract_pb2_grpc.ContractServiceStub(open_channel)
        yield ContractClient(stub, Caller(target, token))


class ContractClient:
    """Asks what a payload would become."""

    def __init__(self, stub: "contract_pb2_grpc.ContractServiceAsyncStub", caller: Caller) -> None:
        self._stub = stub
        self._caller = caller

    async def validate(self, payload: Mapping[str, Any]) -> ValidateTaskResponse:
        """The plan of a payload, or every violation; never both."""
        request = contract_pb2.ValidateTaskRequest(
            payload=as_struct(payload), report_violations=True
        )
        return await self._caller.ask(self._stub.ValidateTask, request)

    async def schema(self) -> str:
        """The JSON Schema of payloads, as JSON text."""
        request = contract_pb2.GetTaskSchemaRequest()
        return (await self._caller.ask(self._stub.GetTaskSchema, request)).schema_json


class OrchestratorClient:
    """Submits, watches and cancels jobs, and reads what they left behind."""

    def __init__(self, stub: "rpc.OrchestratorServiceAsyncStub", caller: Caller) -> None:
        self._stub = stub
        self._caller = caller

    async def submit(
        self,
        payload: Mapping[str, Any],
        *,
        request_id: str = "",
        priority: int = 0,
        max_attempts: int = 0,
        labels: Mapping[str, str] | None = None,
        expected_digest: str = "",
    ) -> SubmitTaskResponse:
        """Stores a task as a job; without `request_id` one is made up for this call."""
        request = orchestrator_pb2.SubmitTaskRequest(
            payload=as_struct(payload),
            request_id=request_id or uuid.uuid4().hex,
            priority=priority,
            max_attempts=max_attempts,
            labels=labels,
            expected_digest=expected_digest,
        )
        return await self._caller.ask(self._stub.SubmitTask, request)

    async def job(self, job_id: str, *, with_plan: bool = True) -> Job:
        """One job, by default with its plan, which never changes."""
        request = orchestrator_pb2.GetJobRequest(job_id=job_id, without_plan=not with_plan)
        return (await self._caller.ask(self._stub.GetJob, request)).job

    async def jobs(
        self,
        *,
        page_size: int = 0,
        page_token: str = "",
        states: Iterable[JobState] = (),
        runtime: str = "",
        repository: str = "",
        label: str = "",
        skill: str = "",
        publish_mode: str = "",
        text: str = "",
    ) -> ListJobsResponse:
        """One page of the jobs that every filter takes, newest first, without plans."""
        request = orchestrator_pb2.ListJobsRequest(
            page_size=page_size,
            page_token=page_token,
            states=states,
            runtime=runtime,
            repository=repository,
            label=label,
            skill=skill,
            publish_mode=publish_mode,
            text=text,
        )
        return await self._caller.ask(self._stub.ListJobs, request)

    async def cancel(self, job_id: str, reason: str = "") -> Job:
        """Asks a job to stop; the job as it is once the request is stored."""
        request = orchestrator_pb2.CancelJobRequest(job_id=job_id, reason=reason)
        return (await self._caller.ask(self._stub.CancelJob, request)).job

    async def retry(
        self, job_id: str, *, from_step: int | None = None, ended_attempt: int | None = None
    ) -> Job:
        """Opens a FAILED or DEAD_LETTER job again; the job, QUEUED.

        `ended_attempt` is the one that was seen to end, so that what has been retried since is
        not retried once more; without it, the one that has ended by now.
        """
        if ended_attempt is None:
            ended_attempt = (await self.job(job_id, with_plan=False)).attempt
        request = orchestrator_pb2.RetryJobRequest(
            job_id=job_id, from_step_index=from_step, ended_attempt=ended_attempt
        )
        return (await self._caller.ask(self._stub.RetryJob, request)).job

    async def explain(self, job_id: str) -> ExplainJobResponse:
        """Why a job is where it is."""
        request = orchestrator_pb2.ExplainJobRequest(job_id=job_id)
        return await self._caller.ask(self._stub.ExplainJob, request)

    async def queue(self) -> GetQueueResponse:
        """How many jobs there are that have not ended, and who waits longest."""
        return await self._caller.ask(self._stub.GetQueue, orchestrator_pb2.GetQueueRequest())

    async def history(self, *, bucket_length: timedelta, buckets: int) -> GetHistoryResponse:
        """What became of jobs in so many buckets, the last of which is under way."""
        request = orchestrator_pb2.GetHistoryRequest(bucket_length=bucket_length, buckets=buckets)
        return await self._caller.ask(self._stub.GetHistory, request)

    async def storage(self) -> Storage:
        """What the orchestrator keeps on its disks; what runners keep is in `runners`."""
        request = orchestrator_pb2.GetStorageRequest()
        return (await self._caller.ask(self._stub.GetStorage, request)).storage

    async def artifacts(self, job_id: str) -> ListArtifactsResponse:
        """What a job has left behind so far, ordered by path."""
        request = orchestrator_pb2.ListArtifactsRequest(job_id=job_id)
        return await self._caller.ask(self._stub.ListArtifacts, request)

    async def runners(self) -> ListRunnersResponse:
        """The fleet."""
        return await self._caller.ask(self._stub.ListRunners, orchestrator_pb2.ListRunnersRequest())

    def watch(
        self, job_id: str, *, after: int = 0, output: bool = False
    ) -> AsyncGenerator[Happening, None]:
        """What happens to a job, from the event behind `after` until it has ended.

        Events come by rising sequence without gap or repeat and output without
        lost or doubled bytes, however often the stream has to be opened anew.
        Raises the refusal when that fails for `PATIENCE`. Leave early through
        `contextlib.aclosing`: that detaches, no more.
        """
        known = seen.Seen(after)
        request = orchestrator_pb2.WatchJobRequest(job_id=job_id, include_output=output)

        def attach() -> Any:
            request.after_sequence = known.sequence
            request.ClearField("output_after")
            request.output_after.extend(known.positions())
            return self._stub.WatchJob(request, metadata=self._caller.metadata)

        return self._caller.follow(attach, known.take)

    def read_artifact(
        self, job_id: str, path: str, *, offset: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """An artifact's bytes from `offset` on, in pieces of at most 64 KiB."""
        request = orchestrator_pb2.ReadArtifactRequest(job_id=job_id, path=path, offset=offset)

        def attach() -> Any:
            return self._stub.ReadArtifact(request, metadata=self._caller.metadata)

        def take(piece: orchestrator_pb2.ReadArtifactResponse) -> bytes:
            if piece.offset != request.offset:
                raise Gap
            request.offset += len(piece.data)
            return piece.data

        return self._caller.follow(attach, take)


def as_struct(payload: Mapping[str, Any]) -> Struct:
    """A JSON object as the message that carries it. Raises ValueError for what JSON lacks."""
    struct = Struct()
    struct.update(payload)
    return struct
