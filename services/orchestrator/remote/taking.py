"""Takes a workspace's tree from a runner, no more of it than was announced."""

import asyncio
import hashlib
from pathlib import Path

import grpc

from pawl.v1 import runner_pb2
from services.orchestrator.drive.ports import RunnerUnreachable, TakenTree
from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.remote.streams import next_message

Checkpoint = grpc.aio.UnaryStreamCall[runner_pb2.CheckpointRequest, runner_pb2.CheckpointResponse]


async def take(call: Checkpoint, into: Path) -> TakenTree:
    """Receives the tree's pack, and what lies only in git, as files of a folder."""
    first = await next_message(call)
    if first is None or first.WhichOneof("kind") != "summary":
        raise RunnerUnreachable("the checkpoint began without its summary")
    summary = first.summary
    pack, left = into / "tree.pack", into / "left.pack"
    sizes = {"pack_data": 0, "left_data": 0}
    limits = {"pack_data": summary.pack_size, "left_data": summary.left_size}
    left_digest = hashlib.sha256()
    with pack.open("wb") as pack_file, left.open("wb") as left_file:
        files = {"pack_data": pack_file, "left_data": left_file}
        while (response := await next_message(call)) is not None:
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
