"""Objects read one by one through a git process that stays."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from services.orchestrator.source.git import Completed, Git, GitFailed, GitTimedOut, started
from services.orchestrator.source.treecheck import ObjectInfo

BATCH = 256
"""Questions asked before answers are read: both directions stay below a pipe's 64 KiB."""


PIECE_BYTES = 1024 * 1024


class ObjectReader:
    """Answers from ``git cat-file --batch-command``."""

    def __init__(self, asking: asyncio.StreamWriter, answers: asyncio.StreamReader) -> None:
        self._asking = asking
        self._answers = answers

    async def infos(self, ids: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """Kind and size of each, None for what is missing; in the order asked."""
        found: list[ObjectInfo | None] = []
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            self._asking.write("".join(f"info {each}\n" for each in batch).encode())
            await self._asking.drain()
            found += [await self._header() for _ in batch]
        return found

    async def content(self, object_id: str, *, limit_bytes: int) -> bytes:
        """The bytes of one object that is known to exist and to be no larger."""
        self._asking.write(f"contents {object_id}\n".encode())
        await self._asking.drain()
        info = await self._header()
        if info is None or info.size_bytes > limit_bytes:
            raise ValueError(f"{object_id} is missing or larger than {limit_bytes} bytes")
        content = await self._answers.readexactly(info.size_bytes)
        await self._answers.readexactly(1)
        return content

    async def pieces(self, object_id: str) -> AsyncIterator[bytes]:
        """The bytes of one object that is known to exist, whatever its size; read to their end."""
        self._asking.write(f"contents {object_id}\n".encode())
        await self._asking.drain()
        info = await self._header()
        if info is None:
            raise ValueError(f"{object_id} is missing")
        for start in range(0, info.size_bytes, PIECE_BYTES):
            yield await self._answers.readexactly(min(PIECE_BYTES, info.size_bytes - start))
        await self._answers.readexactly(1)

    async def _header(self) -> ObjectInfo | None:
        words = (await self._answers.readuntil(b"\n")).split()
        if len(words) == 3:
            return ObjectInfo(words[1].decode(), int(words[2]))
        return None


@asynccontextmanager
async def reading(
    git: Git,
    git_dir: Path,
    environment: Mapping[str, str] | None = None,
    *,
    timeout: timedelta = timedelta(seconds=120),
) -> AsyncIterator[ObjectReader]:
    """A reader of the objects below `git_dir`, for one block that lasts at most `timeout`."""
    env = git.environment(git_dir, environment or {}, {})
    argv = ["git", "cat-file", "--batch-command"]
    pipe = asyncio.subprocess.PIPE
    try:
        async with (
            asyncio.timeout(timeout.total_seconds()),
            started(argv, env, stdin=pipe, stdout=pipe) as process,
        ):
            assert process.stdin  # noqa: S101 - narrows the types
            assert process.stdout  # noqa: S101
            try:
                yield ObjectReader(process.stdin, process.stdout)
            except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
                code = await process.wait()
                ended = Completed(code=code, stdout=b"", stderr="it ended before it answered")
                raise GitFailed("cat-file", ended) from None
    except TimeoutError:
        raise GitTimedOut(
            f"reading objects took longer than {timeout.total_seconds():g} s"
        ) from None
