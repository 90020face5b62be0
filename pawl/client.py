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
from typing import Any

from google.protobuf.struct_pb2 import Struct

from pawl.v1 import contract_pb2, contract_pb2_grpc, job_pb2, orchestrator_pb2, task_pb2
from pawl.v1 import orchestrator_pb2_grpc as rpc
from pawl.wire.calls import Caller, Gap
from pawl.wire.channel import channel

Activity = job_pb2.Activity
ActivityKind = job_pb2.ActivityKind
Artifact = job_pb2.Artifact
Ended = orchestrator_pb2.Ended
ExplainJobResponse = orchestrator_pb2.ExplainJobResponse
FieldViolation = task_pb2.FieldViolation
GetQueueResponse = orchestrator_pb2.GetQueueResponse
Hold = orchestrator_pb2.Hold
Job = job_pb2.Job
JobEvent = job_pb2.JobEvent
JobOutcome = job_pb2.JobOutcome
JobState = job_pb2.JobState
ListArtifactsResponse = orchestrator_pb2.ListArtifactsResponse
ListJobsResponse = orchestrator_pb2.ListJobsResponse
ListRunnersResponse = orchestrator_pb2.ListRunnersResponse
OutputChunk = job_pb2.OutputChunk
OutputPosition = orchestrator_pb2.OutputPosition
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

Happening = JobEvent | Activity | OutputChunk
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

    async def job(self, job_id: str) -> Job:
        """One job with its plan."""
        request = orchestrator_pb2.GetJobRequest(job_id=job_id)
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
    ) -> ListJobsResponse:
        """One page of jobs, newest first, without plans."""
        request = orchestrator_pb2.ListJobsRequest(
            page_size=page_size,
            page_token=page_token,
            states=states,
            runtime=runtime,
            repository=repository,
            label=label,
        )
        return await self._caller.ask(self._stub.ListJobs, request)

    async def cancel(self, job_id: str, reason: str = "") -> Job:
        """Asks a job to stop; the job as it is once the request is stored."""
        request = orchestrator_pb2.CancelJobRequest(job_id=job_id, reason=reason)
        return (await self._caller.ask(self._stub.CancelJob, request)).job

    async def retry(self, job_id: str, *, from_step: int | None = None) -> Job:
        """Opens a FAILED or DEAD_LETTER job again, as it is now; the job, QUEUED."""
        ended = (await self.job(job_id)).attempt
        request = orchestrator_pb2.RetryJobRequest(
            job_id=job_id, from_step_index=from_step, ended_attempt=ended
        )
        return (await self._caller.ask(self._stub.RetryJob, request)).job

    async def explain(self, job_id: str) -> ExplainJobResponse:
        """Why a job is where it is."""
        request = orchestrator_pb2.ExplainJobRequest(job_id=job_id)
        return await self._caller.ask(self._stub.ExplainJob, request)

    async def queue(self) -> GetQueueResponse:
        """How many jobs there are that have not ended, and who waits longest."""
        return await self._caller.ask(self._stub.GetQueue, orchestrator_pb2.GetQueueRequest())

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
        have = _Have(after)
        request = orchestrator_pb2.WatchJobRequest(job_id=job_id, include_output=output)

        def attach() -> Any:
            request.after_sequence = have.sequence
            request.ClearField("output_after")
            request.output_after.extend(have.positions())
            return self._stub.WatchJob(request, metadata=self._caller.metadata)

        return self._caller.follow(attach, have.take)

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


class _Have:
    """What a watcher has already, to ask for the rest and drop the repeated."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self._activity: dict[tuple[int, int], int] = {}
        self._output: dict[tuple[int, int, Any], int] = {}

    def positions(self) -> Iterable[OutputPosition]:
        return (
            OutputPosition(step_index=step, attempt=attempt, stream=stream, offset=offset)
            for (step, attempt, stream), offset in self._output.items()
        )

    def take(self, response: orchestrator_pb2.WatchJobResponse) -> Happening | None:
        """What is new in it. Raises Gap where something before it is missing."""
        match response.WhichOneof("kind"):
            case "event":
                return self._event(response.event)
            case "activity":
                return self._act(response.activity)
            case "output":
                return self._chunk(response.output)
            case _:
                return None

    def _act(self, activity: Activity) -> Activity | None:
        # A stream that is opened anew tells again what the running step did.
        run = (activity.step_index, activity.attempt)
        if activity.index <= self._activity.get(run, -1):
            return None
        self._activity[run] = activity.index
        return activity

    def _event(self, event: JobEvent) -> JobEvent | None:
        if event.sequence <= self.sequence:
            return None
        if event.sequence > self.sequence + 1:
            raise Gap
        self.sequence = event.sequence
        return event

    def _chunk(self, chunk: OutputChunk) -> OutputChunk | None:
        stream = (chunk.step_index, chunk.attempt, chunk.stream)
        known = self._output.get(stream, 0)
        if chunk.offset > known:
            raise Gap
        data = chunk.data[known - chunk.offset :]
        if not data:
            return None
        self._output[stream] = known + len(data)
        if len(data) == len(chunk.data):
            return chunk
        rest = OutputChunk()
        rest.CopyFrom(chunk)
        rest.offset, rest.data = known, data
        return rest
