"""A repository where it comes from: git with a credential, bounds, second tries."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from pawl.wire.faultpoints import Point, answered
from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.source.credentials import Access, Credentials
from services.orchestrator.source.git import (
    OBJECT_ID,
    Completed,
    Git,
    GitFailed,
    GitSaidTooMuch,
    GitTimedOut,
)
from services.orchestrator.source.keys import NO_REFS, AuthRefs, KeyAway, Purpose
from services.orchestrator.source.location import Location
from services.orchestrator.source.resolve import Unresolved
from services.orchestrator.source.rest import Rest, sleep
from services.orchestrator.source.ways import Ways
from services.orchestrator.source.words import Trouble, detail, remedy, trouble

REASONS = {
    Trouble.AUTH: Reason.REPO_AUTH,
    Trouble.HOST_KEY: Reason.REPO_AUTH,
    Trouble.MOVED: Reason.REPO_NOT_FOUND,
    Trouble.DECLINED: Reason.REPO_UNREACHABLE,
    Trouble.NOT_FOUND: Reason.REPO_NOT_FOUND,
    Trouble.UNREACHABLE: Reason.REPO_UNREACHABLE,
}
AWAY = {Purpose.READ: Reason.REPO_UNREACHABLE, Purpose.PUBLISH: Reason.PUBLISH_UNAVAILABLE}
LEAST_ROOM_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How far a fetch may go."""

    max_repository_bytes: int = 10 * 1024**3
    timeout: timedelta = timedelta(minutes=30)
    pauses: Sequence[timedelta] = (timedelta(seconds=1), timedelta(seconds=4))
    """Waits between tries of an origin that cannot be reached; one try more than waits."""

    def scaled(self, pace: float) -> "FetchLimits":
        """The same with shorter waits."""
        return replace(self, pauses=[pause * pace for pause in self.pauses])


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What origin offers."""

    default: str | None
    """The branch its HEAD names, None where there is no such branch."""
    heads: dict[str, str]
    """Every branch with its commit."""


class Origin:
    """One repository, as git reaches it from `git_dir`."""

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
        self.location = location
        self.limits = limits
        self._git_dir = git_dir
        self._git = git
        self._credentials = credentials
        self._ways = ways

    async def run(
        self,
        *arguments: str,
        timeout: timedelta,
        accept: Sequence[int] = (0,),
        prefix: Sequence[str] = (),
        begun: Callable[[], None] = lambda: None,
        refs: AuthRefs = NO_REFS,
        purpose: Purpose = Purpose.READ,
        access: Access | None = None,
    ) -> Completed:
        """Runs git with what it needs to reach origin, by origin's protocol alone.

        `access` is what was got before, where it was. A host that cannot be resolved is told as
        git tells it, by code 128. Raises as `Git.run`, `Credentials.access` and `Ways.to` do.
        """
        if access is None:
            access = await self._credentials.access(self.location, refs, purpose)
        try:
            way = await self._ways.to(self.location, self._git, access.environment)
        except Unresolved as unresolved:
            return _told_by_git(arguments[0], f"fatal: {unresolved}", accept)
        environment = {
            **access.environment,
            **way.environment,
            "GIT_ALLOW_PROTOCOL": self.location.protocol,
        }
        if self.location.local:
            # The far end runs here too. Git clears our configuration from its environment, and
            # then it refuses folders of another owner unless a file vouches for them.
            environment["GIT_CONFIG_GLOBAL"] = str(self._vouch(self.location.local))
        return await self._git.run(
            *arguments,
            git_dir=self._git_dir,
            environment=environment,
            configuration={
                **access.configuration,
                **way.configuration,
                f"protocol.{self.location.protocol}.allow": "always",
            },
            timeout=timeout,
            accept=accept,
            prefix=prefix,
            secrets=access.secrets,
            begun=begun,
        )

    def check(self, refs: AuthRefs, purpose: Purpose) -> None:
        """Raises `JobFailed` as `Credentials.check` does."""
        self._credentials.check(self.location, refs, purpose)

    async def access(
        self,
        refs: AuthRefs,
        purpose: Purpose = Purpose.READ,
        *,
        pauses: Iterable[timedelta] | None = None,
        rest: Rest = sleep,
    ) -> Access:
        """What git gets to reach origin, asked for again after `pauses` while it is away.

        Where none are given they are those of a fetch.
        Raises as `Credentials.access` does, and `JobFailed` with REPO_UNREACHABLE or, to
        publish, PUBLISH_UNAVAILABLE.
        """
        waits = iter(self.limits.pauses if pauses is None else pauses)
        while True:
            try:
                return await self._credentials.access(self.location, refs, purpose)
            except KeyAway as away:
                pause = next(waits, None)
                if pause is None:
                    raise failed(
                        AWAY[purpose],
                        f"there is no key to {self.location.url} now: {away.words}",
                        "Retry the job when the key can be had.",
                    ) from None
            await rest(pause)

    async def renewed(self, refs: AuthRefs = NO_REFS, purpose: Purpose = Purpose.READ) -> bool:
        """Whether a try with another token than the refused one is worth it.

        Raises `JobFailed` as `Credentials.access` does.
        """
        try:
            refused = await self._credentials.access(self.location, refs, purpose)
            fresh = await self._credentials.access(self.location, refs, purpose, fresh=True)
        except KeyAway:
            return True  # The next try asks for the key itself, and waits for it.
        return fresh != refused

    async def branch(
        self, name: str, *, timeout: timedelta, refs: AuthRefs = NO_REFS
    ) -> str | None:
        """The commit branch `name` is at right now, None where there is none.

        Raises as `run` does.
        """
        ref = f"refs/heads/{name}"
        done = await self.run(
            "ls-remote",
            "--heads",
            "--end-of-options",
            self.location.url,
            ref,
            timeout=timeout,
            refs=refs,
        )
        for line in done.stdout.decode("utf-8", "surrogateescape").splitlines():
            commit, _, found = line.partition("\t")
            if found == ref:
                return commit
        return None

    async def listing(self, refs: AuthRefs = NO_REFS, access: Access | None = None) -> Listing:
        """All branches. Raises `JobFailed` as `Mirror.fetch` does."""
        done = await self._reach(
            "ls-remote",
            "--symref",
            "--end-of-options",
            self.location.url,
            "HEAD",
            "refs/heads/*",
            refs=refs,
            access=access,
        )
        default: str | None = None
        heads: dict[str, str] = {}
        for line in done.stdout.decode("utf-8", "surrogateescape").splitlines():
            value, _, ref = line.partition("\t")
            if ref == "HEAD" and value.startswith("ref: refs/heads/"):
                default = value.removeprefix("ref: refs/heads/")
            elif ref.startswith("refs/heads/") and OBJECT_ID.fullmatch(value):
                heads[ref.removeprefix("refs/heads/")] = value
        return Listing(default=default if default in heads else None, heads=heads)

    async def fetch(
        self,
        destination: str,
        refs: AuthRefs = NO_REFS,
        access: Access | None = None,
        *,
        present_bytes: int,
    ) -> None:
        """Brings all branches to refs below `destination`, and removes those that are gone.

        `present_bytes` is what the repository holds already.
        """
        room = max(self.limits.max_repository_bytes - present_bytes, LEAST_ROOM_BYTES)
        await self._reach(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--prune",
            "--end-of-options",
            self.location.url,
            f"+refs/heads/*:{destination}*",
            refs=refs,
            access=access,
            room_bytes=room,
        )

    def too_large(self, how: str) -> JobFailed:
        """What to raise for a repository over the limits; `how` ends before "than"."""
        gigabytes = self.limits.max_repository_bytes / 1024**3
        return failed(
            Reason.REPO_TOO_LARGE,
            f"{self.location.url} {how} than the orchestrator takes "
            f"(at most {gigabytes:.3g} GiB, {self.limits.timeout}).",
            "Use a smaller repository, or raise the limits of the orchestrator.",
        )

    def drop_unfinished(self) -> None:
        """Removes what a killed fetch leaves; only for who holds the repository's lock."""
        for file in self._unfinished():
            file.unlink(missing_ok=True)

    async def _reach(
        self, *arguments: str, refs: AuthRefs, access: Access | None, room_bytes: int = 0
    ) -> Completed:
        """Runs git against origin, again after a pause or with a new token where that may help.

        `access` is what was got for `refs`, for the first tries. No file may grow beyond
        `room_bytes`, zero for no bound.
        """
        pauses = list(self.limits.pauses)
        prlimit = shutil.which("prlimit", path=self._git.path)
        prefix = [prlimit, f"--fsize={room_bytes}"] if prlimit and room_bytes else []
        renewed = another = False
        while True:
            try:
                done = await self.run(
                    *arguments,
                    timeout=self.limits.timeout,
                    prefix=prefix,
                    refs=refs,
                    access=access,
                )
                answered(Point.P2, _cut_off)
                return done
            except GitTimedOut:
                raise self.too_large("takes longer") from None
            except GitSaidTooMuch:
                raise self.too_large("has more branches") from None
            except KeyAway as away:
                kind, said = Trouble.UNREACHABLE, away.words
            except GitFailed as problem:
                said = problem.completed.stderr
                # Git does not say that the limit ended its child, but the child's file does.
                sizes = [file.stat().st_size for file in self._unfinished()]
                if room_bytes and max(sizes, default=0) >= room_bytes:
                    raise self.too_large("is larger") from None
                kind = trouble(said)
            self.drop_unfinished()
            if kind is Trouble.AUTH and not renewed:
                renewed, refused = True, access
                access = await self._fresh(refs)
                another = access != refused
                if another and not pauses:
                    continue
            # A host's servers hear of a new key one after the other.
            passing = kind is Trouble.UNREACHABLE or (kind is Trouble.AUTH and another)
            if not passing or not pauses:
                raise failed(
                    REASONS[kind],
                    f"{self.location.url} did not let itself be fetched: {detail(said)}",
                    remedy(kind, self.location, refs.of(Purpose.READ)),
                )
            await asyncio.sleep(pauses.pop(0).total_seconds())

    async def _fresh(self, refs: AuthRefs) -> Access | None:
        """Another token where there can be one; None where that has to be waited for."""
        try:
            return await self._credentials.access(self.location, refs, fresh=True)
        except KeyAway:
            return None

    def _unfinished(self) -> list[Path]:
        return list((self._git_dir / "objects/pack").glob("tmp_*"))

    def _vouch(self, repository: Path) -> Path:
        """The configuration file that lets git serve `repository` whoever owns it."""
        file = self._git_dir / "origin.gitconfig"
        quoted = [
            str(path).replace("\\", "\\\\").replace('"', '\\"')
            for path in (repository, repository / ".git")
        ]
        text = "[safe]\n" + "".join(f'\tdirectory = "{path}"\n' for path in quoted)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            fresh = file.with_suffix(f".{os.getpid()}")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(file)
        return file


def _told_by_git(command: str, words: str, accept: Sequence[int]) -> Completed:
    said = Completed(code=128, stdout=b"", stderr=words)
    if said.code not in accept:
        raise GitFailed(command, said)
    return said


def _cut_off(why: str) -> GitFailed:
    said = Completed(code=128, stdout=b"", stderr=f"fatal: the remote end hung up: {why}")
    return GitFailed("fetch", said)
