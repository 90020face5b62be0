"""Takes out of mirrors what no job needs, and removes mirrors that nobody uses."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import structlog

from pawl.storage import Use, size_of, utc_now
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.retention import Retaining
from services.orchestrator.retention.checkpoints import DUE, OURS, remove_refs
from services.orchestrator.retention.tally import Tally
from services.orchestrator.source.git import Git, GitFailed, GitTimedOut
from services.orchestrator.source.mirror import Mirrors
from services.orchestrator.source.use import UseLock

logger = structlog.get_logger(__name__)

PAGE = 200
LARGE_PACK_BYTES = 256 * 1024 * 1024
"""Such a pack is mostly origin's history: to write it anew would cost more than it gives."""
PRUNE_TIMEOUT = timedelta(minutes=10)
LOOK_SECONDS = 0.1
TRASH = "trash"
TROUBLE = (GitFailed, GitTimedOut, JobFailed, OSError)


class Wanted(Exception):
    """Somebody waits to use the mirror; what is under way is done another time."""


class MirrorKeeping:
    """The mirrors of this host, as a collector sees them."""

    def __init__(self, mirrors: Mirrors, store: Retaining) -> None:
        self._mirrors = mirrors
        self._store = store
        self._trash = mirrors.root / TRASH

    async def collect(self, tally: Tally, *, unused: timedelta | None) -> None:
        """One round. What cannot be done now, because a mirror is in use, is done later."""
        await asyncio.to_thread(shutil.rmtree, self._trash, ignore_errors=True)
        for git_dir in self._mirrors.folders():
            try:
                if (git_dir / "HEAD").exists():
                    await remove_refs(self._store, self._mirrors.git, git_dir, tally)
                if (git_dir / DUE).exists():
                    await self._prune(git_dir, tally)
                if unused is not None:
                    await self._remove_unused(git_dir, tally, unused)
            except TROUBLE as trouble:
                # Another collector may have removed it, or holds a lock of git's.
                logger.warning("mirror_kept", mirror=git_dir.name, why=str(trouble))

    async def measure(self, unused: timedelta | None) -> Use:
        """How many there are, how large, and since when the first is unused."""
        folders = self._mirrors.folders()
        sizes = [await asyncio.to_thread(size_of, folder) for folder in folders]
        used = [UseLock(folder).last_use() for folder in folders]
        return Use(
            kind="mirrors",
            count=len(folders),
            size_bytes=sum(sizes),
            oldest=min((time for time in used if time is not None), default=None),
            retention=unused,
        )

    async def _prune(self, git_dir: Path, tally: Tally) -> None:
        """Drops the objects that no ref reaches, unless somebody uses the mirror."""
        lock = UseLock(git_dir)
        if (alone := lock.alone()) is None:
            return
        try:
            if not await self._secure(git_dir):
                return
            before = await asyncio.to_thread(size_of, git_dir)
            async with asyncio.timeout(PRUNE_TIMEOUT.total_seconds()), asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(_until_wanted(lock), name="wanted")
                await _repack(self._mirrors.git, git_dir)
                watch.cancel()
            (git_dir / DUE).unlink(missing_ok=True)
            freed = max(0, before - await asyncio.to_thread(size_of, git_dir))
            tally.add("mirrors pruned", 1, freed)
        except* Wanted:
            logger.info("prune_put_off", mirror=git_dir.name)
        except* TimeoutError:
            logger.warning("prune_too_long", mirror=git_dir.name, limit=str(PRUNE_TIMEOUT))
        except* TROUBLE as troubles:
            why = "; ".join(map(str, troubles.exceptions))
            logger.warning("prune_failed", mirror=git_dir.name, why=why)
        finally:
            alone.end()

    async def _secure(self, git_dir: Path) -> bool:
        """Gives what open jobs stand on, and nothing else might reach, a ref; False if unsure.

        Origin may have left a base behind since a job began there. Asked while nobody uses the
        mirror: whoever does so afterwards brings what it needs.
        """
        async for repository in self._needed_repositories():
            try:
                folder = self._mirrors.folder(repository)
            except JobFailed:
                # No longer allowed: nobody can tell which mirror that was.
                return False
            if folder != git_dir:
                continue
            async for ref, commit in self._needed(repository):
                known = await self._mirrors.git.run(
                    "cat-file", "-e", f"{commit}^{{commit}}", git_dir=git_dir, accept=range(256)
                )
                if known.code == 0:
                    await self._mirrors.git.run("update-ref", ref, commit, git_dir=git_dir)
        return True

    async def _remove_unused(self, git_dir: Path, tally: Tally, unused: timedelta) -> None:
        lock = UseLock(git_dir)
        if _lately(lock, unused) or (alone := lock.alone()) is None:
            return
        try:
            # Looked at again: there may have been a use just before.
            if _lately(lock, unused):
                return
            if await self._has_refs(git_dir) or await self._is_needed(git_dir):
                return
            size_bytes = await asyncio.to_thread(size_of, git_dir)
            self._trash.mkdir(exist_ok=True)
            git_dir.rename(self._trash / uuid.uuid4().hex)
        finally:
            alone.end()
        tally.add("mirrors", 1, size_bytes)
        await asyncio.to_thread(shutil.rmtree, self._trash, ignore_errors=True)

    async def _has_refs(self, git_dir: Path) -> bool:
        if not (git_dir / "HEAD").exists():
            return False
        kept = await self._mirrors.git.run("for-each-ref", "--count=1", OURS, git_dir=git_dir)
        return bool(kept.stdout)

    async def _is_needed(self, git_dir: Path) -> bool:
        async for repository in self._needed_repositories():
            try:
                if self._mirrors.folder(repository) == git_dir:
                    return True
            except JobFailed:
                return True
        return False

    async def _needed_repositories(self) -> AsyncIterator[str]:
        after = ""
        while page := await self._store.needed_repositories(after=after, limit=PAGE):
            for repository in page:
                yield repository
            after = page[-1]

    async def _needed(self, repository: str) -> AsyncIterator[tuple[str, str]]:
        after = ""
        while page := await self._store.needed_commits(repository, after=after, limit=PAGE):
            for one in page:
                for number, commit in enumerate(one.commits):
                    yield f"{OURS}{one.job_id}/stands-on-{number}", commit
            after = page[-1].job_id


async def _repack(git: Git, git_dir: Path) -> None:
    packs = git_dir / "objects" / "pack"
    for left in (*packs.glob("tmp_*"), *packs.glob(".tmp-*")):
        left.unlink(missing_ok=True)
    kept = [
        f"--keep-pack={pack.name}"
        for pack in packs.glob("*.pack")
        if pack.stat().st_size > LARGE_PACK_BYTES
    ]
    limits = {"pack.threads": "1", "pack.windowMemory": "64m"}
    for arguments in (
        ("pack-refs", "--all"),
        # Old packs go once the new one is whole: it may be killed at any time.
        ("repack", "-a", "-d", "-q", *kept),
        ("prune", "--expire=now"),
    ):
        await git.run(*arguments, git_dir=git_dir, configuration=limits, timeout=PRUNE_TIMEOUT)


def _lately(lock: UseLock, unused: timedelta) -> bool:
    used = lock.last_use()
    return used is not None and utc_now() - used < unused


async def _until_wanted(lock: UseLock) -> None:
    while not lock.wanted:  # noqa: ASYNC110 - it is another process that tells
        await asyncio.sleep(LOOK_SECONDS)
    raise Wanted
