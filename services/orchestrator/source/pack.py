"""Objects on their way to a runner, objects on their way back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.orchestrator.source.mirror import Mirror
from services.orchestrator.source.treecheck import TreeLimits

CHUNK_BYTES = 64 * 1024


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
        raise NotImplementedError
        yield b""


@asynccontextmanager
async def send(
    mirror: Mirror, *, want: Sequence[str], have: Sequence[str]
) -> AsyncIterator[Outgoing]:
    """Packs what `want` needs beyond `have`; the file is gone at the end of the block.

    Both name commits by full hex. `have` is the receiver's word: ids that the mirror does not
    hold, or that are no ids at all, are ignored.
    """
    raise NotImplementedError
    yield


@dataclass(frozen=True, slots=True, kw_only=True)
class PackLimits:
    """What a returning pack may cost."""

    max_pack_bytes: int = 2 * 1024**3
    max_objects: int = 1_000_000
    max_object_bytes: int = 512 * 1024**2
    max_delta_depth: int = 512
    max_memory_bytes: int = 4 * 1024**3
    max_file_bytes: int = 8 * 1024**3
    timeout: timedelta = timedelta(seconds=120)
    tree: TreeLimits = TreeLimits()


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
    raise NotImplementedError
