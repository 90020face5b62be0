"""The workspaces of one runner, by id."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pawl.wire.errors import InvalidArgument, NotFound, Violation
from services.runner.values import WorkspaceId
from services.runner.workspace import checkout, record, removal, skills, snapshot
from services.runner.workspace.cache import Cache
from services.runner.workspace.entries import Entries
from services.runner.workspace.record import Opening, Record
from services.runner.workspace.skills import SkillFile
from services.runner.workspace.snapshot import Snapshot
from services.runner.workspace.walk import Bounds

Progress = Callable[[str], None]
"""Told `checkout`, then `skills`."""

_ID = re.compile(r"[0-9a-zA-Z-]{1,64}/[0-9]{1,6}\Z")
_KEY = re.compile(r"[0-9a-f]{1,64}\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
# The rules of `git check-ref-format --branch`, one alternative each.
_NO_BRANCH = re.compile(
    r"-|.*([\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(\A|/)\.|\.lock(/|\Z)|[./]\Z)|/|@?\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One workspace as it lies on disk."""

    directory: Path
    record: Record

    @property
    def workspace_id(self) -> WorkspaceId:
        """``<job_id>/<n>``."""
        return self.record.opening.workspace_id

    @property
    def repository(self) -> Path:
        """The agent's working tree, with a `.git` of its own; hostile once a run was started."""
        return self.directory / "repo"

    @property
    def home(self) -> Path:
        """HOME of the workspace's runs."""
        return self.directory / "home"

    @property
    def tmp(self) -> Path:
        """TMPDIR of the workspace's runs."""
        return self.directory / "tmp"


class Workspaces:
    """Makes, reads and removes workspaces below `data_dir`.

    The caller orders calls about one workspace; calls about different ones
    may overlap, also when they share a repository.
    """

    def __init__(self, data_dir: Path, bounds: Bounds | None = None) -> None:
        self._root = data_dir / "workspaces"
        self._caches = data_dir / "cache"
        self._trash = data_dir / "trash"
        self._bounds = bounds or Bounds()
        self._open: dict[str, Cache] = {}
        self._entries: dict[Path, Entries] = {}

    def cache(self, repository_key: str) -> Cache:
        """The cache of a repository, made by its first `receive`."""
        _require(_KEY.match(repository_key), "open.repository_key", "lower-case hex, at most 64")
        cache = self._caches / f"{repository_key}.git"
        return self._open.setdefault(repository_key, Cache(cache))

    def find(self, workspace_id: str) -> Workspace | None:
        """The workspace, if it is here and was prepared to the end."""
        if not _ID.match(workspace_id):
            return None
        directory = self._root / workspace_id
        found = record.read(directory)
        return Workspace(directory=directory, record=found) if found and found.ready else None

    def get(self, workspace_id: str) -> Workspace:
        """As `find`; raises NotFound."""
        if found := self.find(workspace_id):
            return found
        raise NotFound("WORKSPACE_NOT_FOUND", f"workspace {workspace_id} is not on this runner")

    def all(self) -> Sequence[Workspace]:
        """Every workspace that holds a slot, by id."""
        found = (self.find(f"{path.parent.name}/{path.name}") for path in self._root.glob("*/*"))
        return sorted((one for one in found if one), key=lambda one: one.workspace_id)

    def caches(self) -> Sequence[Cache]:
        """Every cache on disk, the one that was used longest ago first."""
        keys = [path.stem for path in self._caches.glob("*.git") if _KEY.match(path.stem)]
        return sorted((self.cache(key) for key in keys), key=Cache.last_used)

    def borrowed(self) -> frozenset[str] | None:
        """The repository keys of caches that workspaces have their objects from.

        None while some workspace does not tell.
        """
        found = [record.read(path) for path in self._root.glob("*/*")]
        keys = [one.opening.repository_key for one in found if one is not None]
        return frozenset(keys) if len(keys) == len(found) else None

    async def remove_cache(self, cache: Cache) -> None:
        """Takes a cache out of sight before anything else can happen, then deletes it."""
        await removal.remove(cache.directory, self._trash)

    async def empty_trash(self) -> None:
        """Deletes what removals that were broken off have left."""
        await removal.empty(self._trash)

    @property
    def folders(self) -> Mapping[str, Path]:
        """Where what it keeps lies, by kind."""
        return {"workspaces": self._root, "caches": self._caches, "trash": self._trash}

    async def reuse(self, opening: Opening, epoch: int) -> Workspace | None:
        """The workspace of an equal opening in which no run was started; None otherwise."""
        _check(opening)
        found = self.find(opening.workspace_id)
        if found is None or found.record.opening != opening or found.record.started:
            return None
        return self.advance(found, epoch)

    async def prepare(
        self,
        opening: Opening,
        epoch: int,
        files: Sequence[SkillFile] = (),
        *,
        progress: Progress = lambda _: None,
    ) -> Workspace:
        """Makes a workspace anew from what the cache holds; what was there is removed first.

        Raises InvalidArgument for a malformed opening, FailedPrecondition with
        reason SKILL_NOT_FOUND, and GitFailed when the commits are not in the
        cache or cannot be checked out. A call that fails leaves nothing.
        """
        _check(opening)
        await self.close(opening.workspace_id)
        directory = self._root / opening.workspace_id
        directory.parent.mkdir(parents=True, exist_ok=True)
        for folder in (directory, directory / "home", directory / "tmp"):
            folder.mkdir(mode=0o700)
        fresh = Workspace(directory=directory, record=Record(opening=opening, epoch=epoch))
        try:
            return await self._fill(fresh, files, progress)
        except BaseException:
            await self.close(opening.workspace_id)
            raise

    async def _fill(
        self, fresh: Workspace, files: Sequence[SkillFile], progress: Progress
    ) -> Workspace:
        opening = fresh.record.opening
        cache = self.cache(opening.repository_key)
        record.write(fresh.directory, fresh.record)
        progress("checkout")
        tree = await checkout.make(fresh.repository, cache, opening)
        await snapshot.seed(fresh.directory, cache, opening, tree)
        progress("skills")
        placed = await asyncio.to_thread(
            skills.place, fresh.repository, opening.skill_ids, list(files)
        )
        ready = replace(
            fresh.record,
            ready=True,
            tree=tree,
            stored=(tree,),
            sources=tuple((one.skill_id, one.source) for one in placed.skills),
            excluded=placed.paths,
        )
        return self._write(fresh, ready)

    def advance(self, workspace: Workspace, epoch: int) -> Workspace:
        """Remembers a newer epoch before anything is done for it; an equal one is no write."""
        if epoch <= workspace.record.epoch:
            return workspace
        return self._write(workspace, replace(workspace.record, epoch=epoch))

    def starting(self, workspace: Workspace) -> Workspace:
        """To be called before a run is started for the first time.

        From then on the workspace is not reused, and the last snapshot counts
        as stored: a caller starts the next step only when it has the tree.
        """
        return self._write(workspace, workspace.record.stored_now())

    async def snapshot(self, workspace: Workspace) -> Snapshot:
        """The files as a tree; see `snapshot.take` for what is refused."""
        cache = self.cache(workspace.record.opening.repository_key)
        taken = await snapshot.take(
            workspace.directory, workspace.record, cache, self._bounds, self._entries
        )
        now = record.read(workspace.directory) or workspace.record
        later = replace(now, tree=taken.tree, left=tuple(taken.left_ids))
        if later != now:
            self._write(workspace, later)
        return taken

    async def close(self, workspace_id: str) -> None:
        """Removes a workspace in whatever shape it is; one that is not here is no error."""
        _require(_ID.match(workspace_id), "workspace_id", "<job_id>/<n>")
        self._entries.pop(self._root / workspace_id, None)
        await removal.remove(self._root / workspace_id, self._trash)

    async def sweep(self) -> None:
        """Ends what an earlier process left half done; call it before serving."""
        for path in list(self._root.glob("*/*")):
            found = record.read(path)
            if found is None or not found.ready:
                await removal.remove(path, self._trash)
        for folder in list(self._root.glob("*")):
            with suppress(OSError):
                folder.rmdir()  # only one whose last workspace went as this runner died
        await removal.empty(self._trash)

    def _write(self, workspace: Workspace, changed: Record) -> Workspace:
        record.write(workspace.directory, changed)
        return replace(workspace, record=changed)


def _check(opening: Opening) -> None:
    _require(_ID.match(opening.workspace_id), "open.workspace_id", "<job_id>/<n>")
    _require(_KEY.match(opening.repository_key), "open.repository_key", "hex, at most 64")
    _require(_COMMIT.match(opening.base_commit), "open.base_commit", "40 lower-case hex")
    _require(_COMMIT.match(opening.files_commit), "open.files_commit", "40 lower-case hex")
    branch = opening.working_branch
    wrong = _NO_BRANCH.match(branch) or len(branch) > 255
    _require(not wrong, "open.working_branch", "a git branch name")
    for skill_id in opening.skill_ids:
        _require(skills.ID.match(skill_id), "open.skill_ids", "[a-z0-9][a-z0-9._-]{0,63}")


def _require(matched: object, field: str, form: str) -> None:
    if not matched:
        raise InvalidArgument([Violation(field, "BAD_FORM", f"has to be {form}")])
