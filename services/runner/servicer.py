"""RunnerService on the wire: translate, hand over, translate back."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import grpc
from typing_extensions import override

from pawl.storage import Storage
from pawl.v1 import job_pb2
from pawl.v1 import runner_pb2 as pb
from pawl.v1 import runner_pb2_grpc as rpc
from pawl.wire.errors import InvalidArgument, Unavailable, Violation
from pawl.wire.faultpoints import Point, answered, reach
from pawl.wire.storage import to_message
from services.runner import convert, moments, requests
from services.runner.delivery import Delivery
from services.runner.slots import Slots
from services.runner.supervisor import Supervisor
from services.runner.tenancy import Tenancy
from services.runner.workspace.snapshot import Pack

Context = grpc.aio.ServicerContext[Any, Any]

PIECE = 60 * 1024
"""Bytes of a pack in one message, which has at most 64 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a runner says of itself beside its state."""

    runner_id: str
    capabilities: tuple[str, ...]
    isolation: str
    heartbeat: timedelta = timedelta(seconds=10)


class Keeping(Protocol):
    """Who knows what is kept here."""

    def report(self) -> Storage:
        """What there is, at once."""


class RunnerServicer(rpc.RunnerServiceServicer):
    """Owns nothing that needs closing: gRPC may drop any of its generators midway."""

    def __init__(
        self,
        identity: Identity,
        supervisor: Supervisor,
        tenancy: Tenancy,
        slots: Slots,
        keeping: Keeping,
    ) -> None:
        self._identity = identity
        self._supervisor = supervisor
        self._tenancy = tenancy
        self._slots = slots
        self._keeping = keeping

    @override
    async def DescribeRunner(
        self, request: pb.DescribeRunnerRequest, context: Context
    ) -> pb.DescribeRunnerResponse:
        cards = await self._supervisor.cards()
        available = [card.name for card in cards if card.available]
        return pb.DescribeRunnerResponse(
            runner_id=self._identity.runner_id,
            incarnation=self._supervisor.incarnation,
            capabilities=sorted({*self._identity.capabilities, *available}),
            runtimes=[
                job_pb2.RuntimeCard(
                    name=card.name,
                    available=card.available,
                    version=card.version,
                    reason=card.reason,
                )
                for card in cards
            ],
            slots=self._slots.count,
            free_slots=self._slots.free,
            isolation=self._identity.isolation,
            draining=self._supervisor.intake.closed,
            draining_reason=self._supervisor.intake.reason,
            storage=to_message(self._keeping.report()),
            workspace_ids=self._slots.held,
            token=moments.token(),
        )

    @override
    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        return pb.ListRunsResponse(
            runs=[
                pb.RunSummary(
                    run_id=run.record.name.run_id,
                    epoch=self._supervisor.epoch(run.record.name.job_id),
                    workspace_id=run.record.workspace_id,
                    finished=run.finished is not None,
                    outcome=convert.OUTCOMES[run.finished.outcome] if run.finished else None,
                )
                for run in self._supervisor.runs
            ]
        )

    @override
    async def AckRun(self, request: pb.AckRunRequest, context: Context) -> pb.AckRunResponse:
        name = requests.run_name(request.run_id, request.epoch)
        await self._supervisor.acknowledge(name, request.epoch)
        return pb.AckRunResponse()

    @override
    async def PrepareWorkspace(
        self, request_iterator: AsyncIterator[pb.PrepareWorkspaceRequest], context: Context
    ) -> AsyncIterator[pb.PrepareWorkspaceResponse]:
        first = await anext(request_iterator, pb.PrepareWorkspaceRequest())
        request = requests.opening(first.open)
        have = await self._tenancy.open(request)
        delivery = self._tenancy.delivery()
        try:
            yield pb.PrepareWorkspaceResponse(have=pb.WorkspaceHave(commits=have))
            done = await _received(request_iterator, delivery)
            pack = delivery.whole(done.pack_size, done.pack_sha256)
            yield _progress("indexing", delivery)
            await self._tenancy.receive(request, pack)
            yield _progress("checkout", delivery)
            made, reused = await self._tenancy.make(request, delivery)
        finally:
            delivery.discard()
            self._tenancy.settle(request)
        yield convert.ready(made, reused=reused)

    @override
    async def Run(self, request: pb.RunRequest, context: Context) -> AsyncIterator[pb.RunResponse]:
        name, workspace_id, spec, position = requests.run_request(request)
        attachment = await self._supervisor.follow(
            name,
            request.epoch,
            workspace_id,
            spec,
            position,
            attach_only=request.attach_only,
            sent=requests.moment(request.token) or moments.now(),
        )
        reach(Point.T2, _cut_off)
        yield convert.started(
            attachment.started,
            runner_id=self._identity.runner_id,
            incarnation=self._supervisor.incarnation,
        )
        while not attachment.over:
            records = await attachment.read(self._identity.heartbeat)
            if attachment.over:
                answered(Point.T5, _cut_off)
            for record in records:
                yield convert.record(record, name, attachment.end)
            if not records and not attachment.over:
                yield convert.heartbeat(datetime.now(UTC))

    @override
    async def KeepRun(self, request: pb.KeepRunRequest, context: Context) -> pb.KeepRunResponse:
        name = requests.run_name(request.run_id, request.epoch)
        await self._supervisor.keep(name, request.epoch, requests.moment(request.token))
        return pb.KeepRunResponse(token=moments.token())

    @override
    async def CancelRun(
        self, request: pb.CancelRunRequest, context: Context
    ) -> pb.CancelRunResponse:
        name = requests.run_name(request.run_id, request.epoch)
        outcome, receipt = await self._supervisor.cancel(name, request.epoch)
        return pb.CancelRunResponse(
            outcome=convert.OUTCOMES[outcome], receipt=convert.receipt(receipt)
        )

    @override
    async def Checkpoint(
        self, request: pb.CheckpointRequest, context: Context
    ) -> AsyncIterator[pb.CheckpointResponse]:
        workspace_id, job_id = requests.workspace(request.workspace_id, request.epoch)
        taken = await self._tenancy.snapshot(workspace_id, job_id, request.epoch)
        yield convert.summary(taken)
        for piece in _pieces(taken.pack):
            yield pb.CheckpointResponse(pack_data=piece)
        for piece in _pieces(taken.left_pack):
            yield pb.CheckpointResponse(left_data=piece)

    @override
    async def CloseWorkspace(
        self, request: pb.CloseWorkspaceRequest, context: Context
    ) -> pb.CloseWorkspaceResponse:
        workspace_id, job_id = requests.workspace(request.workspace_id, request.epoch)
        await self._tenancy.close(workspace_id, job_id, request.epoch)
        return pb.CloseWorkspaceResponse()


async def _received(
    requests: AsyncIterator[pb.PrepareWorkspaceRequest], delivery: Delivery
) -> pb.WorkspaceDone:
    """Takes in what follows `open`; returns the last message. Raises InvalidArgument."""
    async for request in requests:
        match request.WhichOneof("kind"):
            case "skill_file":
                file = request.skill_file
                delivery.skill(file.skill_id, file.path, file.data, executable=file.executable)
            case "pack_data":
                delivery.pack(request.pack_data)
            case "done":
                return request.done
            case other:
                said = f"was to be skill_file, pack_data or done, and was {other}"
                raise InvalidArgument([Violation("kind", "ORDER", said)])
    raise InvalidArgument([Violation("done", "REQUIRED", "has to end what is sent")])


def _cut_off(why: str) -> Unavailable:
    return Unavailable("LEAVING", why)


def _progress(phase: str, delivery: Delivery) -> pb.PrepareWorkspaceResponse:
    return pb.PrepareWorkspaceResponse(
        progress=pb.WorkspaceProgress(phase=phase, received_bytes=delivery.received)
    )


def _pieces(pack: Pack | None) -> Iterator[bytes]:
    if pack is None:
        return
    with pack.path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
