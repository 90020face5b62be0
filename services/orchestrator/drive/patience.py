"""Waits for the place where artifacts are kept when it is away for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import structlog
from typing_extensions import override

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.ports import Artifacts
from services.orchestrator.jobs.job import Artifact, JobId

T = TypeVar("T")

logger = structlog.get_logger(__name__)

LONGEST_PAUSE = timedelta(seconds=10)


class PatientArtifacts(Artifacts):
    """Asks again what could not be answered, for as long as its patience lasts.

    A driver that gave up at once would be claimed, and would give up, until its job was
    taken for poison: a bucket that is away for minutes must cost no job. Whoever waits
    here holds a lease, and is woken when that is lost.
    """

    def __init__(
        self,
        place: Artifacts,
        *,
        patience: timedelta = timedelta(minutes=10),
        first_pause: timedelta = timedelta(seconds=0.5),
    ) -> None:
        self._place = place
        self._patience = patience
        self._first_pause = first_pause

    @override
    async def put_file(self, job_id: JobId, path: str, source: Path) -> Artifact:
        return await self._answer(lambda: self._place.put_file(job_id, path, source))

    @override
    async def put_bytes(self, job_id: JobId, path: str, data: bytes) -> Artifact:
        return await self._answer(lambda: self._place.put_bytes(job_id, path, data))

    @override
    async def put_segment(self, job_id: JobId, data: bytes) -> str:
        return await self._answer(lambda: self._place.put_segment(job_id, data))

    @override
    async def read_segment(self, key: str) -> bytes:
        return await self._answer(lambda: self._place.read_segment(key))

    @override
    async def delete(self, keys: Sequence[str]) -> None:
        await self._answer(lambda: self._place.delete(keys))

    async def _answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        give_up = time.monotonic() + self._patience.total_seconds()
        pause = self._first_pause
        while True:
            try:
                return await ask()
            except Unavailable as error:
                if time.monotonic() > give_up:
                    raise
                logger.warning("artifacts_away", why=str(error))
            await asyncio.sleep(pause.total_seconds())
            pause = min(2 * pause, LONGEST_PAUSE)
