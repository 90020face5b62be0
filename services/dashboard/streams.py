"""Streams of jobs to browsers: each job is watched once, however many look at it.

A job is watched from the first viewer on until a while after the last one. What is kept of it is
bounded, and so are the jobs that are watched and the viewers: an orchestrator gives 192 watches.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import structlog

from pawl.client import OrchestratorClient
from services.dashboard import frames
from services.dashboard.shared import Place
from services.dashboard.watched import Watched

logger = structlog.get_logger(__name__)

JOBS = 96
"""So that two dashboards have room at one orchestrator."""
VIEWERS = 1_500
"""Connections are left for everything else that is asked."""
BEAT_SECONDS = 15.0
LONGEST_SECONDS = 3600.0
"""Then a browser has to come back, with a session that still counts."""
PACE_SECONDS = 0.05
"""Frames that come faster are sent together: nobody reads faster."""
PACE_SECONDS_PER_VIEWER = 0.0002
"""What more that is for each who looks: many cost no more than few."""


class Streams:
    """Who looks at which job."""

    def __init__(self, orchestrator: OrchestratorClient) -> None:
        self._orchestrator = orchestrator
        self._watched: dict[str, Watched] = {}
        self._tasks = asyncio.TaskGroup()
        self._viewers = 0
        self._leaving = False

    @property
    def viewers(self) -> int:
        """How many look, at whatever."""
        return self._viewers

    @property
    def watched(self) -> int:
        """How many jobs are."""
        return len(self._watched)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Watches for the length of the block."""
        async with self._tasks:
            try:
                yield
            finally:
                self.leave()
                for watched in self._watched.values():
                    watched.stop()

    def leave(self) -> None:
        """Ends every stream, so that browsers come back to whoever is there next."""
        self._leaving = True
        for watched in self._watched.values():
            watched.shared.close()

    async def view(self, job_id: str, after: int) -> AsyncGenerator[bytes, None]:
        """What happens to a job from the event behind `after`, until it has ended."""
        if self._leaving:
            return
        if self._viewers >= VIEWERS:
            yield frames.trouble(
                "TOO_MANY_VIEWERS", f"{VIEWERS} pages follow jobs, as many as may: close some."
            )
            return
        watched = self._of(job_id)
        if watched is None:
            yield frames.trouble(
                "TOO_MANY_JOBS",
                f"{JOBS} jobs are followed, as many as may be: close the pages of some.",
            )
            return
        self._viewers += 1
        watched.join()
        try:
            async for batch in self._batches(watched, Place(after)):
                yield batch
        finally:
            watched.part()
            self._viewers -= 1

    def forget(self, job_id: str) -> None:
        """Lets go of a job that has a new life: the next viewer sees it anew."""
        watched = self._watched.pop(job_id, None)
        if watched is not None:
            watched.stop()

    async def _batches(self, watched: Watched, place: Place) -> AsyncGenerator[bytes, None]:
        shared = watched.shared
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_SECONDS
        while clock() < until:
            batch = shared.since(place)
            if batch:
                yield batch
                await asyncio.sleep(PACE_SECONDS + PACE_SECONDS_PER_VIEWER * self._viewers)
            elif shared.closed:
                last = watched.last_frame()
                if last:
                    yield last
                return
            elif not await shared.changed(BEAT_SECONDS):
                yield frames.BEAT

    def _of(self, job_id: str) -> Watched | None:
        watched = self._watched.get(job_id)
        if watched is None:
            if len(self._watched) >= JOBS and not self._drop_unseen():
                return None
            watched = self._watched[job_id] = Watched(job_id, self._orchestrator)
            self._tasks.create_task(self._keep(watched), name=f"watch {job_id}")
        return watched

    async def _keep(self, watched: Watched) -> None:
        try:
            await watched.follow()
        except Exception:
            # The job boundary: a defect in showing one job must not reach the others.
            number = uuid.uuid4().hex[:12]
            logger.exception("watch_broke", correlation_id=number, job_id=watched.job_id)
            watched.defective(number)
        finally:
            watched.shared.close()
            if self._watched.get(watched.job_id) is watched:
                del self._watched[watched.job_id]

    def _drop_unseen(self) -> bool:
        for job_id, watched in self._watched.items():
            if not watched.viewers:
                self.forget(job_id)
                return True
        return False
