"""Workspaces of small repositories."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from services.runner.values import WorkspaceId
from services.runner.workspace.record import Opening
from services.runner.workspace.skills import SkillFile
from services.runner.workspace.snapshot import Snapshot
from services.runner.workspace.workspaces import Workspace, Workspaces
from tests.support.repositories import git, sample_repository

KEY = "ab12"


class Origin:
    """A repository and a runner's workspaces that are fed from it."""

    def __init__(self, repository: Path, data_dir: Path) -> None:
        self.repository = repository
        self.workspaces = Workspaces(data_dir)
        self._packs = data_dir / "packs"
        self._packs.mkdir(parents=True)

    def head(self, what: str = "HEAD") -> str:
        return git(self.repository, "rev-parse", what)

    def pack(self, commits: list[str], have: list[str]) -> Path:
        """A thin pack of what `commits` have beyond `have`."""
        lines = "".join(f"{line}\n" for line in (*commits, *(f"^{one}" for one in have)))
        target = self._packs / f"{len(list(self._packs.iterdir()))}.pack"
        listing = lines.encode()
        with target.open("wb") as file:
            file.write(raw_git(self.repository, "pack-objects", listing))
        return target

    async def feed(self, *commits: str) -> None:
        cache = self.workspaces.cache(KEY)
        have = [tip for tip in await cache.tips() if knows(self.repository, tip)]
        await cache.receive(self.pack(list(commits), have), commits)

    async def open(
        self,
        workspace_id: str = "job/1",
        *,
        files: str | None = None,
        skills: tuple[str, ...] = (),
        sent: tuple[SkillFile, ...] = (),
        base: str | None = None,
        branch: str = "task/work",
    ) -> Workspace:
        base = base or self.head()
        opening = Opening(
            workspace_id=WorkspaceId(workspace_id),
            repository_key=KEY,
            base_commit=base,
            files_commit=files or base,
            working_branch=branch,
            skill_ids=skills,
        )
        await self.feed(base, opening.files_commit)
        return await self.workspaces.prepare(opening, 1, sent)

    def take_in(self, snapshot: Snapshot) -> None:
        """Stores the snapshot's objects in the repository, as the orchestrator would."""
        if snapshot.pack:
            git(
                self.repository,
                "index-pack",
                "--stdin",
                "--fix-thin",
                "--strict",
                data=snapshot.pack.path.read_bytes(),
            )

    def commit_of(self, snapshot: Snapshot) -> str:
        self.take_in(snapshot)
        return git(self.repository, "commit-tree", snapshot.tree, "-p", "HEAD", "-m", "Checkpoint")

    def listing(self, tree: str) -> dict[str, str]:
        """Mode and id of every path of a tree."""
        found = {}
        for line in git(self.repository, "ls-tree", "-r", "-z", tree).split("\0"):
            if line:
                facts, path = line.split("\t", 1)
                mode, _, name = facts.split(" ")
                found[path] = f"{mode} {name}"
        return found

    def content(self, tree: str, path: str) -> str:
        return git(self.repository, "cat-file", "blob", f"{tree}:{path}")


def raw_git(repository: Path, command: str, data: bytes) -> bytes:
    done = subprocess.run(
        ["git", "-C", str(repository), command, "--revs", "--thin", "--stdout", "-q"],
        input=data,
        capture_output=True,
        check=True,
    )
    return done.stdout


def knows(repository: Path, commit: str) -> bool:
    try:
        git(repository, "cat-file", "-e", commit)
    except RuntimeError:
        return False
    return True


@pytest.fixture
def make_origin(tmp_path: Path) -> Callable[[Callable[[Path], Path]], Origin]:
    """Builds an origin from a builder of `tests.support.repositories`."""
    return lambda builder: Origin(builder(tmp_path / "origin"), tmp_path / "runner")


@pytest.fixture
def origin(make_origin: Callable[[Callable[[Path], Path]], Origin]) -> Origin:
    """An origin of the sample repository."""
    return make_origin(sample_repository)
