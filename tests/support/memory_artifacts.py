"""Artifacts in memory, and watchers that only remember."""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from services.orchestrator.drive.ports import Artifacts, Live
from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.job import Artifact, JobId


class MemoryArtifacts(Artifacts):
    """Bytes by key; equal bytes of one artifact have equal keys."""

    def __init__(self) -> None:
        self.bytes: dict[str, bytes] = {}
        self._numbers = itertools.count()

    @override
    async def put_file(self, job_id: JobId, path: str, source: Path) -> Artifact:
        return await self.put_bytes(job_id, path, source.read_bytes())

    @override
    async def put_bytes(self, job_id: JobId, path: str, data: bytes) -> Artifact:
        digest = hashlib.sha256(data).hexdigest()
        key = f"{job_id}/{path}/{digest}"
        self.bytes[key] = data
        return Artifact(
            path=path, size=len(data), sha256=digest, content_type="text/plain", key=key
        )

    @override
    async def put_segment(self, job_id: JobId, data: bytes) -> str:
        key = f"{job_id}/segments/{next(self._numbers)}"
        self.bytes[key] = data
        return key

    @override
    async def read_segment(self, key: str) -> bytes:
        if key not in self.bytes:
            raise FileNotFoundError(key)
        return self.bytes[key]

    async def read_range(self, key: str, start: int, size: int) -> bytes:
        """A part of a log, as readers want it."""
        return (await self.read_segment(key))[start : start + size]

    @override
    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.bytes.pop(key, None)


class RememberingLive(Live):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.activities: list[Activity] = []

    @override
    def wake(self, job_id: str) -> None:
        self.woken.append(job_id)

    @override
    def act(self, job_id: str, activity: Activity) -> None:
        self.activities.append(activity)
