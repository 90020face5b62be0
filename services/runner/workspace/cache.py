"""The objects of one repository that this runner keeps between jobs."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from pawl.wire.errors import DataLoss
from services.runner.workspace.git import Git, GitFailed

MAX_TIPS = 64
_MAX_KEPT = 256
_MAX_PACKS = 40


class Cache:
    """A bare repository fed only with packs of the orchestrator's.

    Nothing is ever pruned from it: workspaces borrow its objects. One instance
    per directory, since the lock that orders writers is the instance's.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.objects = directory / "objects"
        self._git = Git(directory=directory)
        self._kept = directory / "refs" / "pawl" / "have"
        self._lock = asyncio.Lock()

    async def tips(self) -> Sequence[str]:
        """Commits held with all they reach, the last used first, at most 64."""
        return [path.name for path in self._by_use()[:MAX_TIPS]]

    def last_used(self) -> float:
        """When it last served a workspace, in seconds since 1970."""
        newest = self._by_use()[:1] or [self.directory]
        try:
            return newest[0].stat().st_mtime
        except FileNotFoundError:
            return 0.0

    async def has(self, commit: str) -> bool:
        """Whether the commit itself is here."""
        return commit in await self.known([commit])

    async def known(self, commits: Sequence[str]) -> frozenset[str]:
        """Those of `commits` (40 hex each) that are here, as commits."""
        if not commits or not self.objects.is_dir():
            return frozenset()
        asked = "".join(f"{commit}\n" for commit in commits).encode()
        answer = await self._git.run("cat-file", "--batch-check", data=asked)
        lines = (line.split() for line in answer.decode().splitlines())
        return frozenset(line[0] for line in lines if line[1:2] == ["commit"])

    async def receive(
        self, pack: Path | None, tips: Sequence[str], *, passing: Sequence[str] = ()
    ) -> None:
        """Takes a pack in (None: nothing was missing) and vouches for its commits.

        `tips` are offered by `tips()` from now on; `passing` only have to be
        complete, as a job's own checkpoints do. Raises DataLoss when the pack
        is damaged or the commits are not whole afterwards.
        """
        async with self._lock:
            self._make()
            if pack is not None:
                try:
                    await self._git.run("index-pack", "--stdin", "--fix-thin", stdin=pack)
                except GitFailed as failed:
                    raise DataLoss("PACK_CORRUPT", _CORRUPT.format(failed.words)) from failed
            await self._check([*tips, *passing])
            for tip in tips:
                await self._git.run("update-ref", f"refs/pawl/have/{tip}", tip)
                os.utime(self._kept / tip)
            for path in self._by_use()[_MAX_KEPT:]:
                path.unlink()
            await self._tidy()

    async def _check(self, commits: Sequence[str]) -> None:
        # A commit whose history or files are not all here would be offered for
        # ever, and no later pack would bring what is missing.
        missing = set(commits) - await self.known(commits)
        if missing:
            raise DataLoss("PACK_CORRUPT", f"the pack does not bring commit {min(missing)}")
        try:
            await self._git.run("rev-list", "--objects", "--quiet", *commits, "--not", "--all")
        except GitFailed as failed:
            raise DataLoss("PACK_CORRUPT", _CORRUPT.format(failed.words)) from failed

    async def _tidy(self) -> None:
        # Geometric repacking only joins packs, so what no ref reaches stays too.
        packs = sum(1 for path in (self.objects / "pack").iterdir() if path.suffix == ".pack")
        if packs > _MAX_PACKS:
            await self._git.run("repack", "--geometric=2", "-d", "-q")

    def _by_use(self) -> list[Path]:
        if not self._kept.is_dir():
            return []
        kept = [(path.stat().st_mtime_ns, path) for path in self._kept.iterdir()]
        return [path for _, path in sorted(kept, reverse=True) if len(path.name) == 40]

    def _make(self) -> None:
        write_bare(self.directory)
        self._kept.mkdir(parents=True, exist_ok=True)


_CORRUPT = "the pack cannot be used; send it again: {}"


def write_bare(directory: Path, *, alternates: Sequence[Path] = ()) -> None:
    """Makes an empty bare repository without a process, hooks or a template."""
    (directory / "objects" / "info").mkdir(parents=True, exist_ok=True)
    (directory / "objects" / "pack").mkdir(exist_ok=True)
    (directory / "refs").mkdir(exist_ok=True)
    if alternates:
        lines = "".join(f"{path}\n" for path in alternates)
        (directory / "objects" / "info" / "alternates").write_text(lines)
    (directory / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    # Last, for git takes a folder for a repository once it has this file.
    (directory / "HEAD").write_text("ref: refs/heads/none\n")
