"""Removes, now and then, what nothing needs any more, and measures what is left."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from pawl import concerns, storage
from pawl.rounds import FIRST, rounds
from pawl.storage import Collection, Storage, Use, utc_now
from pawl.wire.errors import Unavailable
from services.orchestrator.artifacts import Artifacts
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.retention import Policy, Retaining
from services.orchestrator.retention.checkpoints import give_up_checkpoints
from services.orchestrator.retention.mirrors import MirrorKeeping
from services.orchestrator.retention.objects import (
    remove_beyond,
    remove_old_artifacts,
    remove_unreferred,
)
from services.orchestrator.retention.tally import Tally
from services.orchestrator.source.mirror import Mirrors
from services.orchestrator.source.scratch import sweep

logger = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class Collector:
    """One of a process; any number may share a store, a place of artifacts and mirrors.

    It removes nothing that a job needs that goes on or could: see `jobs.retention`.
    """

    store: Retaining
    artifacts: Artifacts
    mirrors: Mirrors
    policy: Policy
    folders: dict[str, Path]
    """Where each kind of thing lies, as far as it lies on a disk of this host."""
    now: Callable[[], datetime] = utc_now
    _last: Collection | None = None
    _uses: tuple[Use, ...] = ()
    _git: str = ""
    _running: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def round(self) -> Collection:
        """Goes through everything once; of two calls at once one waits.

        A place that is away ends the round, and the next begins anew.
        """
        async with self._running:
            start, tally, problem = self.now(), Tally(), ""
            try:
                await self._collect(tally)
            except (StoreAway, Unavailable, OSError) as trouble:
                problem = str(trouble)
                logger.warning("collection_broken_off", why=problem)
            self._last = Collection(
                start=start, end=self.now(), removed=tally.removed, problem=problem
            )
            for one in tally.removed:
                logger.info("removed", kind=one.kind, count=one.count, size_bytes=one.size_bytes)
            return self._last

    async def report(self) -> Storage:
        """What there was after the last round; disks and the database as they are now."""
        seen = Storage(
            time=self.now(),
            git_version=self._git,
            uses=self._uses,
            disks=storage.disks(self.folders),
            last=self._last,
            round=self.policy.round,
        )
        return replace(seen, concerns=concerns.of(seen, database=await self._away()))

    async def look(self) -> None:
        """Finds out what does not change; for the start."""
        self._git = await asyncio.to_thread(storage.git_version, self.mirrors.git.path)

    async def _away(self) -> str:
        """Why the database does not answer; empty where it does."""
        try:
            await self.store.settled(())
        except StoreAway as away:
            return str(away)
        return ""

    async def _collect(self, tally: Tally) -> None:
        policy = self.policy
        if policy.checkpoints is not None:
            await give_up_checkpoints(self.store, older_than=policy.checkpoints)
        if policy.artifacts is not None:
            await remove_old_artifacts(
                self.store, self.artifacts, tally, older_than=policy.artifacts
            )
        if policy.artifact_bytes:
            await remove_beyond(
                self.store,
                self.artifacts,
                tally,
                size_bytes=policy.artifact_bytes,
                grace=policy.grace,
            )
        listed = await remove_unreferred(
            self.store, self.artifacts, tally, grace=policy.grace, now=self.now()
        )
        keeping = MirrorKeeping(self.mirrors, self.store)
        await keeping.collect(tally, unused=policy.mirrors)
        tally.add("scratch", await asyncio.to_thread(self._sweep))
        self._uses = await self._measured(*listed, await keeping.measure(policy.mirrors))

    def _sweep(self) -> int:
        swept = self.mirrors.sweep()
        return swept + sweep(self.folders["scratch"]) if "scratch" in self.folders else swept

    async def _measured(self, objects: int, object_bytes: int, mirrors: Use) -> tuple[Use, ...]:
        kept = await self.store.kept()
        database = Use(
            kind="database",
            count=kept.jobs,
            size_bytes=kept.size_bytes,
            oldest=kept.oldest_job,
        )
        return (
            database,
            replace(
                database,
                kind="artifacts",
                count=objects,
                size_bytes=object_bytes,
                oldest=kept.oldest_artifacts,
                retention=self.policy.artifacts,
                limit_bytes=self.policy.artifact_bytes,
            ),
            Use(
                kind="checkpoints",
                oldest=kept.oldest_checkpoints,
                retention=self.policy.checkpoints,
            ),
            mirrors,
        )


@asynccontextmanager
async def collecting(collector: Collector, *, first: timedelta = FIRST) -> AsyncIterator[None]:
    """Collects for the length of the block."""
    await collector.look()
    every = collector.policy.round
    async with rounds(collector.round, every=every, first=first, name="collector"):
        yield
