"""Removes, now and then, what nobody has come back for, and measures what is left."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from pawl import concerns, storage
from pawl.rounds import FIRST, rounds
from pawl.storage import Collection, Removed, Storage, Use, size_of, utc_now
from pawl.wire.errors import Aborted, FailedPrecondition
from services.runner import delivery
from services.runner.epochs import Epochs
from services.runner.supervisor import KEPT, Supervisor
from services.runner.tenancy import Tenancy
from services.runner.values import WorkspaceId
from services.runner.workspace.cache import Cache
from services.runner.workspace.workspaces import Workspace, Workspaces

logger = structlog.get_logger(__name__)

SPOOLED = timedelta(days=1)
"""A pack that was not written to for so long is no longer on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long things are kept; None is for ever."""

    caches: timedelta | None = timedelta(days=30)
    """From the last use."""
    cache_bytes: int = 0
    """For all caches together; 0 is no limit."""
    workspaces: timedelta | None = timedelta(days=7)
    """From the last that was heard of it: its orchestrator has forgotten it, or is gone."""
    round: timedelta = timedelta(hours=1)
    """From one collection to the next."""


@dataclass(slots=True, kw_only=True)
class Collector:
    """The one of this process, which has the data directory to itself.

    Ends of runs are the supervisor's to forget.
    """

    data_dir: Path
    supervisor: Supervisor
    tenancy: Tenancy
    workspaces: Workspaces
    epochs: Epochs
    policy: Policy
    now: Callable[[], datetime] = utc_now
    _last: Collection | None = None
    _uses: tuple[Use, ...] = ()
    _git: str = ""
    _running: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def round(self) -> Collection:
        """Goes through everything once; of two calls at once one waits."""
        async with self._running:
            start, problem = self.now(), ""
            removed: dict[str, tuple[int, int]] = {}
            try:
                await self._collect(removed)
            except OSError as trouble:
                problem = str(trouble)
                logger.warning("collection_broken_off", why=problem)
            told = tuple(
                Removed(kind=kind, count=count, size_bytes=size_bytes)
                for kind, (count, size_bytes) in sorted(removed.items())
                if count
            )
            self._last = Collection(start=start, end=self.now(), removed=told, problem=problem)
            for one in told:
                logger.info("removed", kind=one.kind, count=one.count, size_bytes=one.size_bytes)
            return self._last

    def report(self) -> Storage:
        """What there was after the last round; disks as they are now."""
        seen = Storage(
            time=self.now(),
            git_version=self._git,
            uses=self._uses,
            disks=storage.disks({"data": self.data_dir}),
            last=self._last,
            round=self.policy.round,
        )
        return replace(seen, concerns=concerns.of(seen))

    async def look(self) -> None:
        """Finds out what does not change; for the start."""
        self._git = await asyncio.to_thread(storage.git_version)

    async def _collect(self, removed: dict[str, tuple[int, int]]) -> None:
        await self.workspaces.empty_trash()
        spooled = self.now() - SPOOLED
        dropped = delivery.drop_old(self.data_dir / "spool", spooled.timestamp())
        removed["spool"] = (dropped, 0)
        removed["workspaces"] = await self._expire_workspaces()
        removed["epochs"] = (await self._forget_epochs(), 0)
        removed["caches"] = await self._remove_caches()
        self._uses = await self._measured()

    async def _expire_workspaces(self) -> tuple[int, int]:
        if self.policy.workspaces is None:
            return 0, 0
        horizon = self.now() - self.policy.workspaces
        count = freed = 0
        for one in self.workspaces.all():
            if self._touched(one) >= horizon:
                continue
            size_bytes = await asyncio.to_thread(size_of, one.directory)
            if await self._expire(one, horizon):
                count, freed = count + 1, freed + size_bytes
        return count, freed

    async def _expire(self, one: Workspace, horizon: datetime) -> bool:
        try:
            return await self.tenancy.expire(
                one.workspace_id, _job_of(one.workspace_id), lambda: self._touched(one) < horizon
            )
        except (Aborted, FailedPrecondition) as kept:
            # Somebody has come back for it, or something runs in it.
            logger.info("workspace_kept", workspace_id=one.workspace_id, why=kept.message)
            return False

    def _touched(self, one: Workspace) -> datetime:
        """When anything was last heard of a workspace or its job; now while something runs."""
        job_id = _job_of(one.workspace_id)
        try:
            written = (one.directory / "meta.json").stat().st_mtime
        except FileNotFoundError:
            written = 0.0
        times = [datetime.fromtimestamp(max(written, self.epochs.seen(job_id)), UTC)]
        times += [
            run.end_time or self.now()
            for run in self.supervisor.runs
            if run.record.name.job_id == job_id
        ]
        return max(times)

    async def _forget_epochs(self) -> int:
        """Of jobs that nothing is here of and that nothing was heard of for a month."""
        forgotten = 0
        for job_id in self.epochs.old(self.now().timestamp()):
            try:
                # Under the job's lock: a claim that comes now would be forgotten with it.
                async with self.supervisor.admitted(job_id, self.epochs.current(job_id)):
                    still = job_id in self.epochs.old(self.now().timestamp())
                    if still and job_id not in self._present():
                        self.epochs.forget(job_id)
                        forgotten += 1
            except Aborted:
                continue
        return forgotten

    def _present(self) -> set[str]:
        """The jobs that something is here of."""
        workspaces = {_job_of(one.workspace_id) for one in self.workspaces.all()}
        return workspaces | {run.record.name.job_id for run in self.supervisor.runs}

    async def _remove_caches(self) -> tuple[int, int]:
        """Caches that were unused for long; then, the oldest first, those beyond the limit."""
        caches = self.workspaces.caches()
        sizes = {one.directory: await asyncio.to_thread(size_of, one.directory) for one in caches}
        total = sum(sizes.values())
        count = freed = 0
        for one in caches:
            over = self.policy.cache_bytes and total - freed > self.policy.cache_bytes
            # No pause from this look until the cache is out of sight: nobody can begin to borrow.
            if (over or self._unused(one)) and self._is_free(one):
                await self.workspaces.remove_cache(one)
                count, freed = count + 1, freed + sizes[one.directory]
        return count, freed

    def _unused(self, cache: Cache) -> bool:
        if self.policy.caches is None:
            return False
        return cache.last_used() < (self.now() - self.policy.caches).timestamp()

    def _is_free(self, cache: Cache) -> bool:
        borrowed = self.workspaces.borrowed()
        key = cache.directory.stem
        return borrowed is not None and key not in borrowed and key not in self.tenancy.preparing

    async def _measured(self) -> tuple[Use, ...]:
        workspaces, caches = self.workspaces.all(), self.workspaces.caches()
        ends = [run.end_time for run in self.supervisor.runs if run.end_time is not None]
        folders = {**self.workspaces.folders, "runs": self.data_dir / "runs"}
        sizes = {kind: await asyncio.to_thread(size_of, path) for kind, path in folders.items()}
        return (
            Use(
                kind="workspaces",
                count=len(workspaces),
                size_bytes=sizes["workspaces"],
                oldest=min(map(self._touched, workspaces), default=None),
                retention=self.policy.workspaces,
            ),
            Use(
                kind="caches",
                count=len(caches),
                size_bytes=sizes["caches"],
                oldest=datetime.fromtimestamp(caches[0].last_used(), UTC) if caches else None,
                retention=self.policy.caches,
                limit_bytes=self.policy.cache_bytes,
            ),
            Use(
                kind="runs",
                count=len(self.supervisor.runs),
                size_bytes=sizes["runs"],
                oldest=min(ends, default=None),
                retention=KEPT,
            ),
            Use(kind="trash", size_bytes=sizes["trash"], retention=timedelta()),
        )


@asynccontextmanager
async def collecting(collector: Collector, *, first: timedelta = FIRST) -> AsyncIterator[None]:
    """Collects for the length of the block."""
    await collector.look()
    every = collector.policy.round
    async with rounds(collector.round, every=every, first=first, name="collector"):
        yield


def _job_of(workspace_id: WorkspaceId) -> str:
    return workspace_id.partition("/")[0]
