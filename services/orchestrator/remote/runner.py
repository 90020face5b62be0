"""A runner as drivers know it, spoken to over gRPC."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import grpc
from typing_extensions import override

from pawl.v1 import runner_pb2
from pawl.v1 import runner_pb2_grpc as rpc
from pawl.wire.channel import opened, refusal
from pawl.wire.errors import (
    Aborted,
    DeadlineExceeded,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unexpected,
)
from services.orchestrator.drive.ports import (
    Message,
    PackFor,
    PreparedWorkspace,
    RunAlive,
    Runner,
    RunnerFull,
    RunnerUnreachable,
    RunOrder,
    RunUnknown,
    TakenTree,
    WorkspaceOrder,
)
from services.orchestrator.jobs.claim import LeaseLost
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.jobs.job import Stream
from services.orchestrator.jobs.receipts import Receipt
from services.orchestrator.jobs.runners import RunnerDescription
from services.orchestrator.remote import translate

MessageT = TypeVar("MessageT")

CHUNK_BYTES = 48 * 1024
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
            with _told():
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
        with _told():
            call = self.stub.PrepareWorkspace(timeout=PREPARE_DEADLINE.total_seconds())
            try:
                return await _converse(call, order, pack_for)
            except asyncio.InvalidStateError as error:
                # What a write raises when the other side has ended the call already.
                raise await _why_ended(call) from error
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
        with _told():
            call = self.stub.Run(request)
        try:
            while True:
                try:
                    with _told():
                        async with asyncio.timeout(self.silence.total_seconds()):
                            response = await _next(call)
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
        with _told():
            deadline = min(UNARY_DEADLINE, self.silence)
            answer = await self.stub.KeepRun(request, timeout=deadline.total_seconds())
        return answer.token

    @override
    async def cancel(self, run_id: str, epoch: int) -> Receipt:
        request = runner_pb2.CancelRunRequest(run_id=run_id, epoch=epoch)
        with _told():
            answer = await self.stub.CancelRun(request, timeout=CANCEL_DEADLINE.total_seconds())
        return translate.receipt(answer.receipt)

    @override
    async def checkpoint(self, workspace_id: str, epoch: int, into: Path) -> TakenTree:
        request = runner_pb2.CheckpointRequest(workspace_id=workspace_id, epoch=epoch)
        with _told():
            call = self.stub.Checkpoint(request, timeout=CHECKPOINT_DEADLINE.total_seconds())
            try:
                return await _take(call, into)
            finally:
                call.cancel()

    @override
    async def acknowledge(self, run_id: str, epoch: int) -> None:
        request = runner_pb2.AckRunRequest(run_id=run_id, epoch=epoch)
        with _told():
            await self.stub.AckRun(request, timeout=UNARY_DEADLINE.total_seconds())

    @override
    async def close(self, workspace_id: str, epoch: int) -> None:
        request = runner_pb2.CloseWorkspaceRequest(workspace_id=workspace_id, epoch=epoch)
        with _told():
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


async def _next(
    call: "grpc.aio.UnaryStreamCall[Any, MessageT] | grpc.aio.StreamStreamCall[Any, MessageT]",
) -> MessageT | None:
    """The next message; None at the end of the stream."""
    said = await call.read()
    return None if said is grpc.aio.EOF else cast("MessageT", said)


Preparation = grpc.aio.StreamStreamCall[
    runner_pb2.PrepareWorkspaceRequest, runner_pb2.PrepareWorkspaceResponse
]


async def _converse(
    call: Preparation, order: WorkspaceOrder, pack_for: PackFor
) -> PreparedWorkspace:
    await call.write(translate.workspace_open(order))
    have = await _expect(call, "have")
    for file in order.skill_files:
        await _send_skill_file(call, file.skill_id, file.path, file.source, file.executable)
    async with pack_for(list(have.have.commits)) as pack:
        done = runner_pb2.WorkspaceDone()
        if pack.object_count:
            async for chunk in pack.chunks():
                for start in range(0, len(chunk), CHUNK_BYTES):
                    piece = chunk[start : start + CHUNK_BYTES]
                    await call.write(runner_pb2.PrepareWorkspaceRequest(pack_data=piece))
            done = runner_pb2.WorkspaceDone(pack_size=pack.size_bytes, pack_sha256=pack.sha256)
    await call.write(runner_pb2.PrepareWorkspaceRequest(done=done))
    await call.done_writing()
    ready = await _expect(call, "ready")
    return PreparedWorkspace(
        reused=ready.ready.reused,
        skills=tuple((skill.skill_id, skill.source) for skill in ready.ready.skills),
    )


async def _expect(call: Preparation, kind: str) -> runner_pb2.PrepareWorkspaceResponse:
    """The next message of this kind; progress in between is passed over."""
    while True:
        response = await _next(call)
        if response is None:
            raise RunnerUnreachable(f"the preparation ended before {kind!r}")
        given = response.WhichOneof("kind")
        if given == kind:
            return response
        if given != "progress":
            raise RunnerUnreachable(f"the preparation gave {given!r} where {kind!r} was to come")


async def _send_skill_file(
    call: Preparation, skill_id: str, path: str, source: Path, executable: bool
) -> None:
    with source.open("rb") as file:
        first = True
        while (data := await asyncio.to_thread(file.read, CHUNK_BYTES)) or first:
            first = False
            await call.write(
                runner_pb2.PrepareWorkspaceRequest(
                    skill_file=runner_pb2.SkillFile(
                        skill_id=skill_id, path=path, executable=executable, data=data
                    )
                )
            )


async def _why_ended(call: Preparation) -> Exception:
    code = await call.code()
    if code is grpc.StatusCode.OK:
        return RunnerUnreachable("the preparation was closed early")
    error = grpc.aio.AioRpcError(
        code,
        await call.initial_metadata(),
        await call.trailing_metadata(),
        details=await call.details(),
    )
    return _trouble(error)


Checkpoint = grpc.aio.UnaryStreamCall[runner_pb2.CheckpointRequest, runner_pb2.CheckpointResponse]


async def _take(call: Checkpoint, into: Path) -> TakenTree:
    first = await _next(call)
    if first is None or first.WhichOneof("kind") != "summary":
        raise RunnerUnreachable("the checkpoint began without its summary")
    summary = first.summary
    pack, left = into / "tree.pack", into / "left.pack"
    sizes = {"pack_data": 0, "left_data": 0}
    limits = {"pack_data": summary.pack_size, "left_data": summary.left_size}
    left_digest = hashlib.sha256()
    with pack.open("wb") as pack_file, left.open("wb") as left_file:
        files = {"pack_data": pack_file, "left_data": left_file}
        while (response := await _next(call)) is not None:
            kind = response.WhichOneof("kind")
            if kind not in sizes:
                raise RunnerUnreachable(f"the checkpoint gave {kind!r} among its pieces")
            data: bytes = getattr(response, kind)
            sizes[kind] += len(data)
            if sizes[kind] > limits[kind]:
                raise failed(
                    Reason.RESULT_CORRUPT,
                    "a runner sent more of a result than it had announced",
                    "Look at the runner's version and log, then submit the task again.",
                )
            if kind == "left_data":
                left_digest.update(data)
            await asyncio.to_thread(files[kind].write, data)
    whole = sizes["left_data"] == summary.left_size
    intact = left_digest.hexdigest() == summary.left_sha256
    return TakenTree(
        tree=summary.tree,
        pack=pack if summary.pack_size else None,
        pack_size=summary.pack_size,
        pack_sha256=summary.pack_sha256,
        dropped=tuple(summary.dropped[:100]),
        nested=tuple(summary.nested[:100]),
        left=tuple(
            {"ref": one.ref, "commit": one.commit, "subject": one.subject}
            for one in summary.left[:100]
        ),
        left_pack=left if summary.left_size and whole and intact else None,
    )


@contextmanager
def _told() -> Iterator[None]:
    """Says what the end of a call means to whoever drives a job."""
    try:
        yield
    except (grpc.aio.AioRpcError, grpc.aio.UsageError) as error:
        raise _trouble(error) from error
    except asyncio.CancelledError as error:
        # A call whose channel is closed under it, because its runner has moved to another
        # address, ends like a cancelled one. This task was not asked to end then, and what
        # waits for it would wait for ever.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RunnerUnreachable("its address is used no more") from error


def _trouble(error: grpc.aio.AioRpcError | grpc.aio.UsageError) -> Exception:
    """What a runner's refusal means to whoever drives a job."""
    if isinstance(error, grpc.aio.UsageError):
        # The channel was closed because the runner has moved to another address.
        return RunnerUnreachable(str(error))
    said = refusal(error)
    match said:
        case Aborted(reason="STALE_EPOCH"):
            return LeaseLost()
        case NotFound(reason="RUN_NOT_FOUND" | "WORKSPACE_NOT_FOUND"):
            return RunUnknown(said.message)
        case ResourceExhausted(reason="NO_FREE_SLOT") | Unavailable(reason="DRAINING"):
            return RunnerFull(said.message)
        case Unavailable(reason="RUN_ALIVE" | "RUN_BROKEN"):
            return RunAlive(f"{said.reason}: {said.message}")
        case Unavailable() | DeadlineExceeded() | Unexpected() | ResourceExhausted():
            # The last without a reason of the runner's is gRPC's own: too many calls at once.
            return RunnerUnreachable(f"{said.reason}: {said.message}")
        case Unauthenticated() | PermissionDenied():
            return RunnerUnreachable(f"{said.reason}: {said.message}")
        case _:
            return JobFailed(translate.failure_of(said))
