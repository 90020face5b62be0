"""The conversation in which a runner gets what a workspace is made of."""

import asyncio
from pathlib import Path

import grpc

from pawl.v1 import runner_pb2
from services.orchestrator.drive.ports import (
    PackFor,
    PreparedWorkspace,
    RunnerUnreachable,
    WorkspaceOrder,
)
from services.orchestrator.remote import translate, troubles
from services.orchestrator.remote.streams import next_message

CHUNK_BYTES = 48 * 1024

Preparation = grpc.aio.StreamStreamCall[
    runner_pb2.PrepareWorkspaceRequest, runner_pb2.PrepareWorkspaceResponse
]


async def converse(
    call: Preparation, order: WorkspaceOrder, pack_for: PackFor
) -> PreparedWorkspace:
    """Sends what the runner has not got, from the first message to the last."""
    try:
        return await _converse(call, order, pack_for)
    except asyncio.InvalidStateError as error:
        # What a write raises when the other side has ended the call already.
        raise await _why_ended(call) from error


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
        response = await next_message(call)
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
    return troubles.trouble(error)
