"""A runner as drivers know it, spoken to over gRPC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from typing_extensions import override

from pawl.v1 import runner_pb2
from pawl.v1 import runner_pb2_grpc as rpc
from pawl.wire.channel import opened
from services.orchestrator.drive.ports import (
    Message,
    PackFor,
    PreparedWorkspace,
    Runner,
    RunnerFull,
    RunnerUnreachable,
    RunOrder,
    RunUnknown,
    TakenTree,
    WorkspaceOrder,
)
from services.orchestrator.jobs.claim import LeaseLost
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.job import Stream
from services.orchestrator.jobs.receipts import Receipt
from services.orchestrator.jobs.runners import RunnerDescription
from services.orchestrator.remote import preparing, taking, translate, troubles
from services.orchestrator.remote.streams import next_message

SILENCE = timedelta(seconds=30)
"""Three heartbeats: a stream that says nothing for so long is presumed lost."""
PREPARE_DEADLINE = timedelta(minutes=30)
CANCEL_DEADLINE = timedelta(seconds=30)
CHECKPOINT_DEADLINE = timedelta(minutes=10)
UNARY_DEADLINE = timedelta(seconds=10)
CLOSE_DEADLINE = timedelta(minutes=3)


@dataclass(slots=True)
class RemoteRunner(Runner):
    """One address of a runner; its identity is known once it was described."""

    target: str
    channel: grpc.aio.Channel
    """Is replaced where its connection seems to be dead: whoever has made this closes it."""
    description: RunnerDescription | None = field(default=None)
    silence: timedelta = SILENCE
    stub: "rpc.RunnerServiceAsyncStub" = field(init=False)

    def __post_init__(self) -> None:
        self.stub = rpc.RunnerServiceStub(self.channel)

    @property
    @override
    def runner_id(self) -> str:
        return self.description.runner_id if self.description else ""

    @property
    @override
    def incarnation(self) -> str:
        return self.description.incarnation if self.description else ""

    async def describe(self) -> RunnerDescription:
        """Asks what the runner is now. Raises RunnerUnreachable."""
        asked = datetime.now(UTC)
        try:
            with troubles.told():
                said = await self.stub.DescribeRunner(
                    runner_pb2.DescribeRunnerRequest(), timeout=UNARY_DEADLINE.total_seconds()
                )
        except (JobFailed, LeaseLost, RunUnknown, RunnerFull) as error:
            raise RunnerUnreachable(f"it does not describe itself: {error}") from error
        half_way = asked + (datetime.now(UTC) - asked) / 2
        described = translate.description(said)
        offset = described.storage.time - half_way if described.storage else None
        self.description = replace(described, clock_offset=offset)
        return self.description

    @override
    async def prepare(self, order: WorkspaceOrder, pack_for: PackFor) -> PreparedWorkspace:
        with troubles.told():
            call = self.stub.PrepareWorkspace(timeout=PREPARE_DEADLINE.total_seconds())
            try:
                return await preparing.converse(call, order, pack_for)
            finally:
                call.cancel()

    @override
    async def follow(
        self,
        order: RunOrder,
        *,
        attach_only: bool,
        positions: dict[Stream, int],
        activity_index: int,
    ) -> AsyncIterator[Message]:
        request = translate.run_request(
            order,
            attach_only=attach_only,
            positions=positions,
            activity_index=activity_index,
            token=self.description.token if self.description else "",
        )
        step_index, attempt = translate.step_of(order.run_id)
        channel = self.channel
        with troubles.told():
            call = self.stub.Run(request)
        try:
            while True:
                try:
                    with troubles.told():
                        async with asyncio.timeout(self.silence.total_seconds()):
                            response = await next_message(call)
                except TimeoutError as error:
                    await self._give_up(channel)
                    raise RunnerUnreachable(f"silent for {self.silence}") from error
                if response is None:
                    return
                yield translate.message(response, step_index=step_index, attempt=attempt)
        finally:
            call.cancel()

    async def _give_up(self, channel: grpc.aio.Channel) -> None:
        """Has what is called next go over a connection of its own; ends all calls on this one.

        What swallows one stream's heartbeats swallows every call on its connection, and gRPC
        notices that only when its own pings are not answered.
        """
        if self.channel is not channel:
            return
        self.channel = opened(self.target)
        self.stub = rpc.RunnerServiceStub(self.channel)
        await channel.close()

    @override
    async def keep(self, run_id: str, epoch: int, token: str) -> str:
        request = runner_pb2.KeepRunRequest(run_id=run_id, epoch=epoch, token=token)
        with troubles.told():
            deadline = min(UNARY_DEADLINE, self.silence)
            answer = await self.stub.KeepRun(request, timeout=deadline.total_seconds())
        return answer.token

    @override
    async def cancel(self, run_id: str, epoch: int) -> Receipt:
        request = runner_pb2.CancelRunRequest(run_id=run_id, epoch=epoch)
        with troubles.told():
            answer = await self.stub.CancelRun(request, timeout=CANCEL_DEADLINE.total_seconds())
        return translate.receipt(answer.receipt)

    @override
    async def checkpoint(self, workspace_id: str, epoch: int, into: Path) -> TakenTree:
        request = runner_pb2.CheckpointRequest(workspace_id=workspace_id, epoch=epoch)
        with troubles.told():
            call = self.stub.Checkpoint(request, timeout=CHECKPOINT_DEADLINE.total_seconds())
            try:
                return await taking.take(call, into)
            finally:
                call.cancel()

    @override
    async def acknowledge(self, run_id: str, epoch: int) -> None:
        request = runner_pb2.AckRunRequest(run_id=run_id, epoch=epoch)
        with troubles.told():
            await self.stub.AckRun(request, timeout=UNARY_DEADLINE.total_seconds())

    @override
    async def close(self, workspace_id: str, epoch: int) -> None:
        request = runner_pb2.CloseWorkspaceRequest(workspace_id=workspace_id, epoch=epoch)
        with troubles.told():
            await self.stub.CloseWorkspace(request, timeout=CLOSE_DEADLINE.total_seconds())


@asynccontextmanager
async def runner_at(target: str, *, silence: timedelta = SILENCE) -> AsyncIterator[RemoteRunner]:
    """The runner at ``host:port`` for the length of the block.

    Its streams are given up when they have said nothing for `silence`.
    """
    runner = RemoteRunner(target, opened(target), silence=silence)
    try:
        yield runner
    finally:
        await runner.channel.close()
