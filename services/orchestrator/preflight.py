"""Finds out whether forge and Vault can be used, before a job has to."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from pawl.storage import Concern, Storage, utc_now
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.forge import Forge, ForgeApp, ForgeAway, Rights, TokenRefused
from services.orchestrator.source.keys import Keys

logger = structlog.get_logger(__name__)

WAIT_SECONDS = 10
"""Whoever asks how things are waits no longer for a forge that says nothing."""
FRESH_SECONDS = 60
"""So long an answer is good, however often somebody asks."""
CLOCKS = timedelta(seconds=60)
"""Further apart, a forge takes no token that an app makes, and times tell little."""
PUSHING = frozenset({"repo", "public_repo"})
APPS = frozenset({"contents:write", "pull_requests:write"})
"""What an app needs beside what it may read."""
POWERFUL = ("admin:", "delete_repo", "workflow")
"""Beginnings of scopes that no job needs."""

Ask = Callable[[], Awaitable[Iterator[Concern]]]


NO_KEY = Concern(
    reason="NO_FORGE_KEY",
    message="there is no key to a forge: no job that ends in a pull request is taken",
    remedy="Set PAWL_GITHUB_APP_ID or PAWL_GITHUB_TOKEN_FILE, or submit tasks with "
    "publish.mode: branch.",
    grave=False,
)


class Keeping(Protocol):
    """Who knows what is kept here."""

    async def report(self) -> Storage:
        """What there is, whether or not the store answers."""


class Standing(Protocol):
    """Who knows the Vault that tasks name secrets of."""

    async def concerns(self) -> Sequence[Concern]:
        """All that a person should look at; asked for no longer than anybody waits."""


@dataclass(slots=True, kw_only=True)
class Preflight:
    """Adds what there is to say of the forge and the Vault to what `keeping` reports."""

    keeping: Keeping
    forge: Forge | None
    """None where there is no key to it."""
    url: str
    """Where its API is, for people."""
    token_file: Keys | None
    """The deployment's own token; None where each job has another."""
    app: ForgeApp | None = None
    vault: Standing | None = None
    now: Callable[[], datetime] = utc_now
    clock: Callable[[], float] = time.monotonic
    _found: tuple[Concern, ...] = ()
    _until: float | None = None
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def report(self) -> Storage:
        """What is kept, with all that a person should look at, the worst first."""
        kept = await self.keeping.report()
        found = [*kept.concerns, *await self.concerns()]
        return replace(kept, concerns=tuple(sorted(found, key=lambda one: not one.grave)))

    async def concerns(self) -> tuple[Concern, ...]:
        """What there is to say of the forge and the Vault; of two that ask at once one waits."""
        async with self._looking:
            if self._until is None or self.clock() > self._until:
                self._found = await self._look()
                self._until = self.clock() + FRESH_SECONDS
            return self._found

    async def tell(self) -> None:
        """Writes everything a person should look at to the log."""
        for one in (await self.report()).concerns:
            say = logger.warning if one.grave else logger.info
            say("to_look_at", reason=one.reason, why=one.message, remedy=one.remedy)

    async def _look(self) -> tuple[Concern, ...]:
        if self.forge is None:
            return (NO_KEY,)
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(self._asked(ask)) for ask in (self._of_token, self._of_app)]
            if self.vault is not None:
                asked.append(tasks.create_task(self.vault.concerns()))
        # Two keys may have the same to say, such as that nobody answers.
        return tuple(dict.fromkeys(one for task in asked for one in task.result()))

    async def _of_token(self) -> Iterator[Concern]:
        if self.forge is None or self.token_file is None:
            return iter(())
        (token,) = self.token_file.known()
        return of_rights(await self.forge.rights(token), now=self.now())

    async def _of_app(self) -> Iterator[Concern]:
        return of_app(await self.app.rights(), now=self.now()) if self.app else iter(())

    async def _asked(self, ask: Ask) -> Sequence[Concern]:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return [*await ask()]
        except TimeoutError:
            return [self._away(f"it said nothing for {WAIT_SECONDS} seconds")]
        except ForgeAway as away:
            return [self._away(away.words)]
        except TokenRefused as refused:
            return [
                Concern(
                    reason="FORGE_TOKEN_REFUSED",
                    message=f"{self.url} does not take the token: {refused}",
                    remedy="Put one that is in force into the file PAWL_GITHUB_TOKEN_FILE names.",
                    grave=True,
                )
            ]
        except JobFailed as trouble:
            return [
                Concern(
                    reason="FORGE_UNUSABLE",
                    message=trouble.failure.message,
                    remedy=trouble.failure.remedy,
                    grave=True,
                )
            ]

    def _away(self, why: str) -> Concern:
        return Concern(
            reason="FORGE_AWAY",
            message=f"{self.url} does not answer: {why}",
            remedy="See that PAWL_GITHUB_API_URL names the forge's API and that it can be reached "
            "from here; jobs that publish wait for it meanwhile.",
            grave=True,
        )


def of_rights(rights: Rights, *, now: datetime) -> Iterator[Concern]:
    """What to say of a token that the forge takes.

    Only classic tokens have scopes. Of others nothing is told, or an empty list: what they may do
    shows with each repository.
    """
    scopes = rights.scopes or ()
    if scopes and not PUSHING & set(scopes):
        yield Concern(
            reason="FORGE_TOKEN_LACKS",
            message=f"the token may not push: its scopes are {', '.join(scopes)}",
            remedy="Give it the scope repo, or take a fine-grained one with contents and pull "
            "requests to read and write.",
            grave=True,
        )
    if powerful := [one for one in scopes if one.startswith(POWERFUL)]:
        yield Concern(
            reason="FORGE_TOKEN_POWERFUL",
            message=f"the token may do what no job needs: {', '.join(powerful)}",
            remedy="Take one with contents and pull requests to read and write, of the "
            "repositories that matter, and nothing else.",
            grave=False,
        )
    yield from _of_clock(rights, now=now)


def of_app(rights: Rights, *, now: datetime) -> Iterator[Concern]:
    """What to say of what an app may be granted; each installation may grant less."""
    granted = set(rights.scopes or ())
    if lacking := sorted(APPS - granted):
        yield Concern(
            reason="FORGE_APP_LACKS",
            message=f"no token of the app's can publish: it lacks {', '.join(lacking)}",
            remedy="Give the app contents and pull requests to read and write, and have its "
            "installations accept that.",
            grave=True,
        )
    if more := sorted(one for one in granted - APPS if not one.endswith(":read")):
        yield Concern(
            reason="FORGE_APP_POWERFUL",
            message=f"whoever gets the app's key may do what no job needs: {', '.join(more)}",
            remedy="Take these permissions from the app: no token is made with them.",
            grave=False,
        )
    yield from _of_clock(rights, now=now)


def _of_clock(rights: Rights, *, now: datetime) -> Iterator[Concern]:
    if rights.clock is not None and abs(offset := now - rights.clock) > CLOCKS:
        far = f"{abs(offset).total_seconds():.0f} s"
        direction = "ahead of" if offset > timedelta() else "behind"
        yield Concern(
            reason="FORGE_CLOCK_DIFFERS",
            message=f"the clock here is {far} {direction} the forge's",
            remedy="Let this machine keep time by NTP.",
            grave=False,
        )


@asynccontextmanager
async def telling(preflight: Preflight) -> AsyncIterator[None]:
    """Looks once, beside the start: nothing waits for it, and nothing it finds keeps from it."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(preflight.tell(), name="preflight")
        try:
            yield
        finally:
            task.cancel()
