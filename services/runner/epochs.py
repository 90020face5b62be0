"""Remembers the highest epoch each job was seen with."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from pawl.wire.errors import Aborted
from services.runner.keeper import record

KEPT_SECONDS = 30 * 24 * 3600.0


class Epochs:
    """One small file a job, durable before the epoch counts."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._known: dict[str, int] = {}
        horizon = time.time() - KEPT_SECONDS
        for path in directory.glob("*.json"):
            if path.stat().st_mtime < horizon:
                path.unlink()
            elif (found := record.read(path)) is not None:
                self._known[path.stem] = int(found["epoch"])

    def current(self, job_id: str) -> int:
        """Returns the highest epoch seen; 0 for a job that is not known."""
        return self._known.get(job_id, 0)

    def seen(self, job_id: str) -> float:
        """When its newest epoch was first seen, in seconds since 1970; 0 for no such job."""
        try:
            return (self._directory / f"{job_id}.json").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def old(self, now: float) -> Sequence[str]:
        """The jobs of which no newer epoch was seen for a month."""
        return [job_id for job_id in self._known if self.seen(job_id) < now - KEPT_SECONDS]

    def forget(self, job_id: str) -> None:
        """Forgets a job that may never be heard of again. The caller holds the job's lock."""
        (self._directory / f"{job_id}.json").unlink(missing_ok=True)
        self._known.pop(job_id, None)

    async def admit(self, job_id: str, epoch: int) -> bool:
        """Returns whether `epoch` is newer than all before, once it is durable.

        Raises Aborted, STALE_EPOCH, where a newer one was seen. The caller holds the job's lock.
        """
        self.check(job_id, epoch)
        if epoch == self.current(job_id):
            return False
        path = self._directory / f"{job_id}.json"
        await asyncio.to_thread(record.write, path, {"epoch": epoch})
        self._known[job_id] = epoch
        return True

    def check(self, job_id: str, epoch: int) -> None:
        """Raises Aborted, STALE_EPOCH, where a newer epoch than `epoch` was seen."""
        if epoch < self.current(job_id):
            raise Aborted(
                "STALE_EPOCH",
                f"job {job_id} was claimed again: epoch {self.current(job_id)} has taken over from "
                f"{epoch}; stop all work on it",
                metadata={"epoch": str(self.current(job_id))},
            )
