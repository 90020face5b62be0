"""Objects on their way to a runner, objects on their way back."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.orchestrator.source.git import OBJECT_ID
from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.objects import reading
from services.orchestrator.source.quarantine import (
    PackLimits,
    index,
    judge_objects,
    judge_tree,
    migrate,
)
from services.orchestrator.source.treecheck import corrupt, rejected

CHUNK_BYTES = 64 * 1024
PACK_HEADER_BYTES, PACK_TRAILER_BYTES = 12, 20
MAX_HAVES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A thin pack on disk, ready to be streamed."""

    path: Path
    size_bytes: int
    sha256: str
    object_count: int
    """Zero where the receiver has everything."""

    async def chunks(self, offset: int = 0) -> AsyncIterator[bytes]:
        """The pack's bytes from `offset`, at most 64 KiB at a time."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while chunk := os.pread(descriptor, CHUNK_BYTES, offset):
                offset += len(chunk)
                yield chunk
        finally:
            os.close(descriptor)


@asynccontextmanager
async def send(
    mirror: Mirror, *, want: Sequence[str], have: Sequence[str]
) -> AsyncIterator[Outgoing]:
    """Packs what `want` needs beyond `have`; the file is gone at the end of the block.

    Both name commits by full hex. `have` is the receiver's word: ids that the mirror does not
    hold, or that are no ids at all, are ignored.
    """
    claimed = list(dict.fromkeys(each for each in have if OBJECT_ID.fullmatch(each)))[:MAX_HAVES]
    async with reading(mirror.git, mirror.git_dir) as objects:
        infos = await objects.infos(claimed)
    held = [
        each
        for each, info in zip(claimed, infos, strict=True)
        if info is not None and info.kind == "commit"
    ]
    revisions = "".join([f"{each}\n" for each in want] + [f"^{each}\n" for each in held])
    with mirror.scratch() as folder:
        path = folder / "outgoing.pack"
        # `--delta-base-offset` is safe: every git that can check a workspace out reads it.
        await mirror.run(
            "pack-objects",
            "--revs",
            "--thin",
            "--stdout",
            "--delta-base-offset",
            "--quiet",
            stdin=revisions.encode(),
            stdout=path,
        )
        size_bytes, sha256, header = await asyncio.to_thread(_measure, path)
        yield Outgoing(
            path=path,
            size_bytes=size_bytes,
            sha256=sha256,
            object_count=int.from_bytes(header[8:12], "big"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A tree that passed every check; its objects are in the mirror."""

    tree: str
    changed: bool
    """The tree is not the base's."""


async def receive(
    mirror: Mirror,
    pack: Path | None,
    *,
    size_bytes: int,
    sha256: str,
    tree: str,
    base: str,
    limits: PackLimits | None = None,
) -> Received:
    """Takes `tree` from a runner's `pack` into the mirror, or nothing of it.

    `size_bytes` and `sha256` are what the runner announced, `base` is the job's base commit;
    `pack` is None where the runner says that the mirror has every object already. No ref is
    moved. Repeating the call gives the same. Raises `JobFailed` with RESULT_CORRUPT (not the
    announced bytes, or damaged: asking again may help) or RESULT_REJECTED (whole, and not
    acceptable), STORAGE_FULL.
    """
    limits = limits or PackLimits()
    if not OBJECT_ID.fullmatch(tree):
        raise rejected("TREE", "The runner named a result that is no tree id.")
    base_tree = await mirror.tree_of(base)
    if tree == base_tree:
        return Received(tree=tree, changed=False)
    objects = 0 if pack is None else await _inspect(pack, size_bytes, sha256, limits)
    if pack is None or objects == 0:
        await judge_tree(mirror, None, base_tree, tree, limits)
    else:
        with mirror.scratch() as folder:
            quarantine = folder / "objects"
            await index(mirror, pack, quarantine, limits)
            await judge_objects(mirror, quarantine, folder / "listing", limits)
            await judge_tree(mirror, quarantine, base_tree, tree, limits)
            await asyncio.to_thread(migrate, quarantine, mirror.git_dir / "objects")
    return Received(tree=tree, changed=True)


async def _inspect(pack: Path, size_bytes: int, sha256: str, limits: PackLimits) -> int:
    """Compares the pack with its announcement before git reads a byte; returns its objects."""
    if size_bytes > limits.max_pack_bytes:
        raise rejected(
            "TOO_LARGE",
            f"The result's pack has {size_bytes} bytes; the limit is {limits.max_pack_bytes}.",
        )
    if pack.stat().st_size != size_bytes:
        raise corrupt(
            f"The runner announced a pack of {size_bytes} bytes and sent {pack.stat().st_size}."
        )
    _, digest, header = await asyncio.to_thread(_measure, pack)
    if digest != sha256.lower():
        raise corrupt("The pack that arrived does not have the digest the runner announced.")
    if len(header) < PACK_HEADER_BYTES or not header.startswith(b"PACK"):
        raise corrupt("What the runner sent is no pack.")
    objects = int.from_bytes(header[8:12], "big")
    if objects > limits.max_objects:
        raise rejected(
            "TOO_LARGE",
            f"The result's pack holds {objects} objects; the limit is {limits.max_objects}.",
        )
    if objects == 0 and size_bytes != PACK_HEADER_BYTES + PACK_TRAILER_BYTES:
        raise corrupt("The runner sent a pack that says it is empty, and is not.")
    return objects


def _measure(path: Path) -> tuple[int, str, bytes]:
    with path.open("rb") as file:
        header = file.read(PACK_HEADER_BYTES)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest(), header
