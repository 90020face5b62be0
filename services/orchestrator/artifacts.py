"""The bytes of artifacts and of running steps' output, on disk or in a bucket."""

import asyncio
import errno
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from pawl.wire.errors import DataLoss, Unavailable
from services.orchestrator.disk import Disk
from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.job import Artifact, JobId

CHUNK_BYTES = 64 * 1024
"""What is handed on at a time."""
PART_BYTES = 5 * 1024 * 1024
PARTS_AT_ONCE = 2
"""Both bound what a large file takes of memory on its way to a bucket."""
DELETED_AT_ONCE = 500
LISTED_AT_ONCE = 500

CONTENT_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".pack": "application/x-git-pack",
    ".patch": "text/x-patch",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One thing that lies there, whoever put it."""

    key: str
    size: int
    modified: datetime

    @property
    def job_id(self) -> str:
        """Whose it is."""
        return self.key.split("/")[1]


class Artifacts:
    """Everything put here is durable when the call returns, under a key of its own making.

    Every call may raise Unavailable ARTIFACTS_AWAY, and every put JobFailed STORAGE_FULL.
    """

    def __init__(self, store: ObjectStore, *, disk: Disk | None = None) -> None:
        self._store = store
        self._disk = disk
        """Where the store's files are; None for a bucket."""

    @classmethod
    def at(cls, url: str) -> Self:
        """The artifacts at a ``file:///`` URL, whose directory is made, or ``s3://…``."""
        parts = urlsplit(url)
        if parts.scheme != "file":
            return cls(from_url(url))
        root = Path(unquote(parts.path))
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(LocalStore(root), disk=Disk(root))

    @property
    def root(self) -> Path | None:
        """The folder it is on this host's disk; None for a bucket."""
        return self._disk.root if self._disk else None

    async def put_file(self, job_id: JobId, path: str, source: Path) -> Artifact:
        """Stores a file, which nobody changes meanwhile, as the artifact `path`."""
        sha256, size = await asyncio.to_thread(_digest, source)
        return await self._put(job_id, path, source, sha256=sha256, size=size)

    async def put_bytes(self, job_id: JobId, path: str, data: bytes) -> Artifact:
        """Stores bytes as the artifact `path`."""
        sha256 = hashlib.sha256(data).hexdigest()
        return await self._put(job_id, path, data, sha256=sha256, size=len(data))

    async def put_segment(self, job_id: JobId, data: bytes) -> str:
        """Stores a piece of output; gives its key."""
        key = f"jobs/{job_id}/segments/{uuid.uuid4().hex}"
        await self._put_durably(key, data)
        return key

    async def read_segment(self, key: str) -> bytes:
        """A piece of output. Raises FileNotFoundError once its step has ended."""
        with _reachable():
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())

    async def read_range(self, key: str, start: int, size: int) -> bytes:
        """Some bytes of an artifact, unverified; at least one, all within it.

        Raises FileNotFoundError.
        """
        with _reachable():
            return bytes(await obstore.get_range_async(self._store, key, start=start, length=size))

    async def read(self, artifact: Artifact, offset: int = 0) -> AsyncIterator[bytes]:
        """The bytes from `offset` to the end, at most 64 KiB at a time.

        The file is read and digested from its start, whatever the offset, and its last
        piece is held back until the digest is known to be right: what does not match
        ends in DataLoss ARTIFACT_CORRUPT before it could be taken for whole.
        """
        digest, position, held = hashlib.sha256(), 0, b""
        try:
            with _reachable():
                found = await obstore.get_async(self._store, artifact.key)
                async for part in found.stream(min_chunk_size=CHUNK_BYTES):
                    for chunk in _chunks(part):
                        digest.update(chunk)
                        end = position + len(chunk)
                        if end > artifact.size:
                            raise _corrupt(artifact)
                        if end > offset:
                            if held:
                                yield held
                            held = chunk[max(0, offset - position) :]
                        position = end
        except FileNotFoundError as error:
            raise _corrupt(artifact) from error
        if position != artifact.size or digest.hexdigest() != artifact.sha256:
            raise _corrupt(artifact)
        if held:
            yield held

    async def delete(self, keys: Sequence[str]) -> None:
        """Removes pieces of output; those that are gone already are passed over."""
        for start in range(0, len(keys), DELETED_AT_ONCE):
            some = list(keys[start : start + DELETED_AT_ONCE])
            with _reachable():
                try:
                    await obstore.delete_async(self._store, some)
                except FileNotFoundError:
                    for key in some:
                        try:
                            await obstore.delete_async(self._store, key)
                        except FileNotFoundError:
                            continue

    async def listing(self) -> AsyncIterator[Sequence[Stored]]:
        """Everything there is of jobs, in pages, in no order."""
        with _reachable():
            async for page in obstore.list(self._store, "jobs/", chunk_size=LISTED_AT_ONCE):
                yield [
                    Stored(key=one["path"], size=one["size"], modified=one["last_modified"])
                    for one in page
                    if one["path"].count("/") > 1
                ]

    async def forget(self, job_id: str) -> None:
        """Removes the empty folders of a job for which nothing will be put any more."""
        if self._disk is not None:
            its = f"jobs/{job_id}"
            folders = (f"{its}/segments", f"{its}/artifacts", its)
            await asyncio.to_thread(self._disk.remove_folders, *folders)

    async def drop_unfinished(self, before: datetime) -> int:
        """Removes files of puts that were killed, last written to before; returns how many.

        No listing shows them: a file gets its name when it is whole.
        """
        if self._disk is None:
            return 0
        return await asyncio.to_thread(self._disk.drop_unfinished, "jobs", before.timestamp())

    async def _put(
        self, job_id: JobId, path: str, content: Path | bytes, *, sha256: str, size: int
    ) -> Artifact:
        # Named by what it holds: the same artifact put twice is one object.
        key = f"jobs/{job_id}/artifacts/{sha256}"
        await self._put_durably(key, content)
        return Artifact(
            path=path,
            size=size,
            sha256=sha256,
            content_type=CONTENT_TYPES.get(PurePosixPath(path).suffix, "application/octet-stream"),
            key=key,
        )

    async def _put_durably(self, key: str, content: Path | bytes) -> None:
        with _room(), _reachable():
            if self._disk is not None and isinstance(content, Path):
                await asyncio.to_thread(self._disk.copy, content, key)
                return
            await obstore.put_async(
                self._store, key, content, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
            )
            if self._disk is not None:
                await asyncio.to_thread(self._disk.sync, key)


def _digest(source: Path) -> tuple[str, int]:
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()


def _chunks(part: bytes) -> Iterator[bytes]:
    for start in range(0, len(part), CHUNK_BYTES):
        yield part[start : start + CHUNK_BYTES]


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        raise Unavailable(
            "ARTIFACTS_AWAY", "the place where artifacts are kept did not answer; ask again"
        ) from error


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except (OSError, Unavailable) as error:
        if _is_full(error) or _is_full(error.__cause__):
            raise failed(
                Reason.STORAGE_FULL,
                "there is no room left where artifacts are kept",
                "Free some space in the orchestrator's data directory, then submit the task again.",
            ) from error
        raise


def _is_full(error: BaseException | None) -> bool:
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    # The store's own errors have no number, only the system's words.
    return error is not None and "No space left on device" in str(error)


def _corrupt(artifact: Artifact) -> DataLoss:
    return DataLoss(
        "ARTIFACT_CORRUPT",
        f"the stored bytes of {artifact.path} do not match its digest any more; "
        "restore them from a backup",
        metadata={"path": artifact.path, "sha256": artifact.sha256},
    )
