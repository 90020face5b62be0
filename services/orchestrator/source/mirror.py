"""The bare copy of a repository that the orchestrator keeps."""

import asyncio
import difflib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pawl.hosts import HostRules
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.source.credentials import Access, Credentials
from services.orchestrator.source.git import OBJECT_ID, Completed, Git
from services.orchestrator.source.keys import NO_REFS, AuthRefs
from services.orchestrator.source.location import Location, locate, repository_key
from services.orchestrator.source.origin import FetchLimits, Origin
from services.orchestrator.source.scratch import scratch, sweep
from services.orchestrator.source.use import MirrorTaken, Use, UseLock
from services.orchestrator.source.ways import Ways

ORIGIN_HEADS = "refs/origin/heads/"
LISTED_BRANCHES = 5_000
MANY_PACKS = 50
KNOWN_TREES = 1_000
KNOWN_FETCHES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    """How the fetch of that number ended; numbers tell who may share it."""

    number: int
    failure: JobFailed | None = None


class Mirror:
    """One repository's mirror.

    Origin's branches lie under ``refs/origin/heads/``, which a fetch prunes; Pawl's own refs lie
    under ``refs/pawl/``, which it never touches.
    """

    def __init__(
        self,
        git_dir: Path,
        location: Location,
        *,
        git: Git,
        credentials: Credentials,
        ways: Ways,
        limits: FetchLimits,
    ) -> None:
        self.git_dir = git_dir
        self.location = location
        self.git = git
        self.origin = Origin(
            git_dir, location, git=git, credentials=credentials, ways=ways, limits=limits
        )
        self._lock = UseLock(git_dir)
        self._fetching = asyncio.Lock()
        self._begun = 0
        self._last: dict[str | None, _Fetched] = {}
        """By what reads the repository: nobody shares a fetch by another's key."""
        self._default: str | None = None
        self._trees: dict[str, str] = {}

    async def use(self) -> Use:
        """Keeps the mirror as it is until the use is ended; makes it where it was removed.

        Nothing is taken out of a mirror while somebody uses it. Raises `JobFailed` with
        REPO_UNREACHABLE where another process has been tidying it for too long.
        """
        try:
            use = await self._lock.use()
        except MirrorTaken:
            raise failed(
                Reason.REPO_UNREACHABLE,
                f"Another orchestrator has been tidying the mirror of {self.location.url} for "
                "too long.",
                "Continue or end the orchestrator that was stopped, then retry the job.",
            ) from None
        with ExitStack() as unless_used:
            unless_used.callback(use.end)
            if not (self.git_dir / "HEAD").exists():
                self._last.clear()
                self._default = None
                self._trees.clear()
            await self.ensure()
            unless_used.pop_all()
        return use

    async def fetch(self, refs: AuthRefs = NO_REFS) -> None:
        """Brings origin's branches and its default branch up to date, with the key of `refs`.

        Callers that wait at the same time with the same key share one fetch, always one that
        began after they asked. Raises `JobFailed` with REPO_UNREACHABLE (after its tries),
        REPO_AUTH, REPO_NOT_FOUND, REPO_TOO_LARGE, STORAGE_FULL; BRANCH_NOT_FOUND for an empty
        repository.
        """
        asked_after = self._begun
        # Before it is this caller's turn: a vault that is away holds up nobody with another key.
        access = await self.origin.access(refs)
        async with self._fetching:
            last = self._last.get(refs.repo)
            if last is None or last.number <= asked_after:
                last = await self._fetched(refs, access)
            if last.failure:
                raise JobFailed(last.failure.failure)

    async def _fetched(self, refs: AuthRefs, access: Access) -> _Fetched:
        self._begun += 1
        failure: JobFailed | None = None
        try:
            async with self._held():
                await self._bring_up_to_date(refs, access)
        except JobFailed as problem:
            failure = problem
        if len(self._last) >= KNOWN_FETCHES:
            self._last.clear()  # Whoever would have shared one begins another.
        self._last[refs.repo] = fetched = _Fetched(number=self._begun, failure=failure)
        return fetched

    async def default_branch(self) -> str:
        """Origin's default branch at the time of the last fetch.

        Raises `JobFailed` with BRANCH_NOT_FOUND where origin has none.
        """
        if self._default is None:
            raise failed(
                Reason.BRANCH_NOT_FOUND,
                f"{self.location.url} has no default branch: its HEAD names no branch it has.",
                "Set task.git.startingBranch and task.publish.prBaseBranch, or give the "
                "repository a default branch.",
            )
        return self._default

    async def branch_commit(self, name: str) -> str:
        """The commit branch `name` was at at the last fetch, as full hex.

        Raises `JobFailed` with BRANCH_NOT_FOUND, naming branches of similar names.
        """
        # `show-ref --verify` takes the name as it is; rev-parse would read `main~3` as a wish.
        found = await self.run(
            "show-ref", "--verify", "--hash", ORIGIN_HEADS + name, accept=(0, 1, 128)
        )
        if found.code == 0:
            return found.stdout.decode().strip()
        known = list(await self._heads())[:LISTED_BRANCHES]
        alike = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        has = f"it has {', '.join(alike)}" if alike else f"branches it has: {len(known)}"
        raise failed(
            Reason.BRANCH_NOT_FOUND,
            f"{self.location.url} has no branch {name}; {has}.",
            "Create the branch, then retry the job; or submit the task with the right name.",
        )

    async def in_the_way(self, name: str) -> str | None:
        """A branch of the last fetch beside which there can be none called `name`.

        Git keeps ``a`` out where there is ``a/b``, and ``a/b`` where there is ``a``.
        """
        parts = name.split("/")
        for length in range(1, len(parts)):
            above = "/".join(parts[:length])
            if await self.kept(ORIGIN_HEADS + above):
                return above
        below = await self.run(
            "for-each-ref", "--count=1", "--format=%(refname)", f"{ORIGIN_HEADS}{name}/"
        )
        return below.stdout.decode().strip().removeprefix(ORIGIN_HEADS) or None

    async def tree_of(self, revision: str) -> str:
        """The tree id of a commit or tree, which are named by full hex."""
        if not OBJECT_ID.fullmatch(revision):
            raise ValueError(f"{revision!r} is no object id")
        if revision not in self._trees:
            done = await self.run("rev-parse", "--verify", f"{revision}^{{tree}}")
            if len(self._trees) >= KNOWN_TREES:
                self._trees.clear()
            self._trees[revision] = done.stdout.decode().strip()
        return self._trees[revision]

    async def keep(self, ref: str, commit: str) -> None:
        """Points `ref`, below ``refs/pawl/``, to `commit`, durably."""
        if not ref.startswith("refs/pawl/"):
            raise ValueError(f"{ref} is not Pawl's")
        await self.run("update-ref", ref, commit)

    async def kept(self, ref: str) -> str | None:
        """The commit `ref` points to, None where there is no such ref."""
        found = await self.run("show-ref", "--verify", "--hash", ref, accept=(0, 1, 128))
        return found.stdout.decode().strip() if found.code == 0 else None

    def scratch(self) -> AbstractContextManager[Path]:
        """A private folder on the mirror's disk, gone at the end of the block."""
        return scratch(self.git_dir / "scratch")

    async def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        stdout: Path | None = None,
        accept: Sequence[int] = (0,),
    ) -> Completed:
        """Runs git on the mirror alone: no credential, no network."""
        return await self.git.run(
            *arguments, git_dir=self.git_dir, stdin=stdin, stdout=stdout, accept=accept
        )

    async def ensure(self) -> None:
        """Makes the bare repository where there is none; finishes one half-made."""
        if self._made():
            return
        async with self._held("make.lock"):
            if self._made():
                return
            description = self.git_dir / "description"
            description.unlink(missing_ok=True)
            await self.run("init", "--quiet", "--bare", "--template=")
            description.write_text(f"{self.location.url}\n", encoding="utf-8")

    def _made(self) -> bool:
        # HEAD is there before git has written the rest; the description comes when all is.
        return all((self.git_dir / name).exists() for name in ("HEAD", "description"))

    async def _bring_up_to_date(self, refs: AuthRefs, access: Access) -> None:
        await self.ensure()
        self.origin.drop_unfinished()
        offered = await self.origin.listing(refs, access)
        self._default = offered.default
        if not offered.heads:
            raise failed(
                Reason.BRANCH_NOT_FOUND,
                f"{self.location.url} is empty: it has no branch with a commit to start from.",
                "Push a first commit to the repository, then retry the job.",
            )
        if offered.heads == await self._heads():
            return
        try:
            present = await self._size_bytes()
            await self.origin.fetch(ORIGIN_HEADS, refs, access, present_bytes=present)
        finally:
            self.origin.drop_unfinished()
        if await self._size_bytes() > self.origin.limits.max_repository_bytes:
            await self._forget_if_unused()
            raise self.origin.too_large("is larger")
        await self._tidy()

    async def _heads(self) -> dict[str, str]:
        done = await self.run("for-each-ref", "--format=%(objectname) %(refname)", ORIGIN_HEADS)
        lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
        pairs = (line.split(" ", 1) for line in lines)
        return {ref.removeprefix(ORIGIN_HEADS): commit for commit, ref in pairs}

    async def _size_bytes(self) -> int:
        done = await self.run("count-objects", "-v")
        counts = dict(line.split(": ", 1) for line in done.stdout.decode().splitlines())
        return 1024 * (int(counts["size"]) + int(counts["size-pack"]))

    async def _tidy(self) -> None:
        """Joins small packs, of which every fetch and every checkpoint leaves one."""
        if sum(1 for _ in (self.git_dir / "objects/pack").glob("*.idx")) > MANY_PACKS:
            await self.run("repack", "--geometric=2", "-d", "--quiet")

    async def _forget_if_unused(self) -> None:
        kept = await self.run("for-each-ref", "--count=1", "refs/pawl/")
        if not kept.stdout:
            await asyncio.to_thread(shutil.rmtree, self.git_dir / "objects")
            await asyncio.to_thread(shutil.rmtree, self.git_dir / "refs")
            (self.git_dir / "packed-refs").unlink(missing_ok=True)
            (self.git_dir / "HEAD").unlink()

    @asynccontextmanager
    async def _held(self, name: str = "fetch.lock") -> AsyncIterator[None]:
        """Keeps other orchestrators of this host from fetching into the mirror, or making it."""
        self.git_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.git_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                async with asyncio.timeout(2 * self.origin.limits.timeout.total_seconds()):
                    while not _lock(lock):  # noqa: ASYNC110 - no event tells of a lock's end
                        await asyncio.sleep(0.05)
            except TimeoutError:
                raise failed(
                    Reason.REPO_UNREACHABLE,
                    f"Another orchestrator has been fetching {self.location.url} for too long.",
                    "Retry the job when the other orchestrator is done or stopped.",
                ) from None
            yield
        finally:
            os.close(lock)


class Mirrors:
    """All mirrors of this orchestrator: ``<root>/<repository key>.git``."""

    def __init__(
        self,
        root: Path,
        *,
        git: Git,
        credentials: Credentials,
        allow_local: bool,
        forge_url: str = "https://github.com",
        ways: Ways | None = None,
        limits: FetchLimits | None = None,
    ) -> None:
        self._root = root
        self._git = git
        self._forge_url = forge_url
        self._credentials = credentials
        self._allow_local = allow_local
        self._ways = ways or Ways(rules=HostRules(local=allow_local), forge_url=forge_url)
        self._limits = limits or FetchLimits()
        self._open: dict[str, Mirror] = {}

    async def open(self, repository: str) -> Mirror:
        """The mirror of a task's `repository`, made (not fetched) where there is none.

        The same object for the same repository. Raises `JobFailed` with REPO_URL_DENIED.
        """
        location = self.location(repository)
        self._ways.admit(repository, location)
        key = repository_key(location.url)
        mirror = self._open.get(key)
        if mirror is None:
            mirror = self._open[key] = Mirror(
                self._root / f"{key}.git",
                location,
                git=self._git,
                credentials=self._credentials,
                ways=self._ways,
                limits=self._limits,
            )
        await mirror.ensure()
        return mirror

    def sweep(self) -> int:
        """Removes what crashed processes left half-done. Returns how much."""
        return sum(sweep(mirror / "scratch") for mirror in self.folders())

    def known(self) -> Sequence[str]:
        """The values that git is given for any repository. Raises JobFailed with REPO_AUTH."""
        return self._credentials.known()

    @property
    def root(self) -> Path:
        """What all of them lie below."""
        return self._root

    @property
    def git(self) -> Git:
        """How git is started in them."""
        return self._git

    def folders(self) -> Sequence[Path]:
        """The folder of every mirror there is, whoever made it, by name."""
        return sorted(self._root.glob("*.git")) if self._root.is_dir() else []

    def folder(self, repository: str) -> Path:
        """Where the mirror of a repository is, or would be, also of one allowed no more.

        Raises JobFailed with REPO_URL_DENIED for what is no address.
        """
        return self._root / f"{repository_key(self.location(repository).url)}.git"

    def location(self, repository: str) -> Location:
        """Where a task's `repository` lies. Raises JobFailed as `folder` does."""
        return locate(repository, forge_url=self._forge_url, allow_local=self._allow_local)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
