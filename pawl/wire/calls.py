"""How calls to another service are made, and made again when it cannot be found."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import grpc

from pawl.wire.channel import UNARY_DEADLINE, refusal
from pawl.wire.errors import Refusal, ResourceExhausted, Unavailable, Unexpected

SILENCE = timedelta(seconds=30)
"""Three heartbeats: a stream that was silent for longer is taken for lost."""

REPEATS = (0.1, 0.4, 1.0)
"""Seconds before each repetition of a call that found nobody."""

PATIENCE = timedelta(minutes=2)
"""How long a stream that had answered once is sought again."""

LONGEST_PAUSE = 5.0
"""Seconds between two attempts to find it."""

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
TakenT = TypeVar("TakenT")


class Gap(Exception):
    """A stream left something out: the other side broke its promise, or the way to it did."""


@dataclass(frozen=True, slots=True)
class Caller:
    """How calls to one target are made, and made again."""

    target: str
    token: str = field(repr=False)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    async def ask(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
    ) -> ResponseT:
        """One answer. Raises the refusal, once nobody was found `REPEATS` times as well."""
        pauses = iter(REPEATS)
        while True:
            try:
                return await method(
                    request, timeout=UNARY_DEADLINE.total_seconds(), metadata=self.metadata
                )
            except grpc.aio.AioRpcError as error:
                trouble = refusal(error)
                pause = next(pauses, None)
                if pause is None or not isinstance(trouble, Unavailable):
                    raise self._told(trouble) from error
            await asyncio.sleep(_scattered(pause))

    async def follow(
        self, attach: Callable[[], Any], take: Callable[[Any], TakenT | None]
    ) -> AsyncGenerator[TakenT, None]:
        """What `take` makes of a stream that is opened anew whenever it is lost."""
        loop = asyncio.get_running_loop()
        lost_since = loop.time()
        limit, pause, gaps = sum(REPEATS), REPEATS[0], 0
        while True:
            call = attach()
            trouble: Refusal = Unavailable("STREAM_SILENT", "the stream has gone silent")
            try:
                while True:
                    async with asyncio.timeout(SILENCE.total_seconds()):
                        response = await call.read()
                    if response is grpc.aio.EOF:
                        return
                    lost_since, limit = loop.time(), PATIENCE.total_seconds()
                    taken = take(response)
                    if taken is not None:
                        pause, gaps = REPEATS[0], 0
                        yield taken
            except grpc.aio.AioRpcError as error:
                trouble = refusal(error)
            except TimeoutError:
                pass
            except Gap:
                gaps += 1
                trouble = Unexpected("STREAM_BROKEN", "the stream leaves something out")
            finally:
                call.cancel()
            if isinstance(trouble, ResourceExhausted):
                limit = PATIENCE.total_seconds()
            wait = max(_scattered(pause), _asked_for(trouble))
            if not _passes(trouble) or gaps > 3 or loop.time() + wait > lost_since + limit:
                raise self._told(trouble)
            await asyncio.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _told(self, trouble: Refusal) -> Refusal:
        """With the address, where gRPC itself tells that nobody answered."""
        if isinstance(trouble, Unavailable) and trouble.reason == "UNAVAILABLE":
            return Unavailable("UNAVAILABLE", f"nobody answers at {self.target}: {trouble.message}")
        return trouble


def _passes(trouble: Refusal) -> bool:
    """Whether it may go away by itself."""
    if isinstance(trouble, Unexpected):
        # A defect has a correlation id; without one it is the transport that broke.
        return "correlation_id" not in trouble.metadata and trouble.reason != "UNIMPLEMENTED"
    return isinstance(trouble, Unavailable) or trouble.retry_after is not None


def _asked_for(trouble: Refusal) -> float:
    return trouble.retry_after.total_seconds() if trouble.retry_after is not None else 0.0


def _scattered(pause: float) -> float:
    """Half to all of it, so that many clients of one service do not return at once."""
    return pause * random.uniform(0.5, 1.0)  # noqa: S311  nothing secret depends on it
