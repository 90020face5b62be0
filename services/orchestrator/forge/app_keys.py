"""The Keys of a GitHub App: a token for each claim, repository and purpose, revoked after use."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from typing_extensions import override

from services.orchestrator.forge.app import App, Minted
from services.orchestrator.source.keys import AuthRefs, KeyAway, Keys, Purpose, Token
from services.orchestrator.source.location import Location
from services.orchestrator.source.slug import Slug, slug_of

logger = structlog.get_logger(__name__)

LEAST_LEFT_SECONDS = 300.0
"""A token that counts for less is not begun with: a push may take minutes."""
LEAVE_SECONDS = 5.0
"""For all revocations together as the process leaves; what is not done by then expires."""
AT_ONCE = 8
LONGEST_PAUSE = timedelta(minutes=1)
"""That the forge may ask for and get; after a longer one callers ask again themselves."""


@dataclass(frozen=True, slots=True)
class _Use:
    """What one token is for."""

    holder: str
    slug: Slug
    purpose: Purpose


@dataclass(slots=True)
class _Held:
    """A token in force, and who makes it anew."""

    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: Token | None = None
    until: float = 0.0
    """By the clock; no token counts longer."""


class AppKeys(Keys):
    """Made by `app_keys`, which ends what this one has begun."""

    def __init__(
        self, app: App, *, url: str, tasks: asyncio.TaskGroup, clock: Callable[[], float]
    ) -> None:
        self._app = app
        self._url = url
        self._tasks = tasks
        self._clock = clock
        self._held: dict[_Use, _Held] = {}
        self._revoking: dict[asyncio.Task[None], str] = {}
        self._line = asyncio.Semaphore(AT_ONCE)

    @override
    async def token(
        self, location: Location, refs: AuthRefs, purpose: Purpose, *, fresh: bool = False
    ) -> Token | None:
        """The holder's token for `location`; None where the app is not installed there.

        Raises as `Keys.token` does.
        """
        slug = slug_of(location, self._url)
        if slug is None:
            return None
        use = _Use(refs.holder, slug, purpose)
        held = self._held.setdefault(use, _Held())
        async with held.making:
            if fresh or held.until - self._clock() < LEAST_LEFT_SECONDS:
                # What is nobody's own may be in use elsewhere: unless refused, it expires.
                self._end(held, revoke=fresh or bool(refs.holder))
                self._keep(held, await self._minted(slug, purpose))
                self._held.setdefault(use, held)  # Released while the forge was asked.
            return held.token

    @override
    def offers(self, location: Location, refs: AuthRefs, purpose: Purpose) -> bool:
        """Whether the app can be installed there at all."""
        return slug_of(location, self._url) is not None

    @override
    def known(self) -> Sequence[str]:
        """The app's own key and every token that may still be in force."""
        now, held = self._clock(), self._held.values()
        counting = [one.token.value for one in held if one.token and one.until > now]
        return (self._app.secret(), *counting, *self._revoking.values())

    @override
    def release(self, holder: str) -> None:
        """Revokes the holder's tokens, in the background."""
        for use in [use for use in self._held if use.holder == holder]:
            self._end(self._held.pop(use))

    async def leave(self) -> None:
        """Revokes what is left, as far as that goes within `LEAVE_SECONDS`."""
        for held in self._held.values():
            self._end(held)
        self._held.clear()
        if self._revoking:
            _, late = await asyncio.wait(self._revoking, timeout=LEAVE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                logger.warning("tokens_not_revoked", count=len(late), remedy="they expire")

    async def _minted(self, slug: Slug, purpose: Purpose) -> Minted | None:
        try:
            return await self._app.mint(slug, purpose)
        except KeyAway as away:
            if away.retry_after is None or away.retry_after > LONGEST_PAUSE:
                raise
            pause = away.retry_after
        await asyncio.sleep(pause.total_seconds())
        return await self._app.mint(slug, purpose)

    def _keep(self, held: _Held, minted: Minted | None) -> None:
        if minted is not None:
            held.token = minted.token
            held.until = self._clock() + minted.valid.total_seconds()

    def _end(self, held: _Held, *, revoke: bool = True) -> None:
        token, held.token = held.token, None
        if revoke and token is not None and held.until > self._clock():
            task = self._tasks.create_task(self._revoke(token), name="revocation")
            self._revoking[task] = token.value
            task.add_done_callback(self._revoking.pop)
        held.until = 0.0

    async def _revoke(self, token: Token) -> None:
        try:
            async with self._line:
                await self._app.revoke(token)
        except KeyAway as away:
            logger.warning("token_not_revoked", why=str(away), remedy="it expires within the hour")


@asynccontextmanager
async def app_keys(
    app: App, *, url: str, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[AppKeys]:
    """The keys of `app` for repositories of the forge at `url`; revoked at the block's end."""
    async with asyncio.TaskGroup() as tasks:
        keys = AppKeys(app, url=url, tasks=tasks, clock=clock)
        try:
            yield keys
        finally:
            await keys.leave()
