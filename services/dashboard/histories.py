"""What became of jobs, asked for once in a while however many look."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from pawl.client import GetHistoryResponse, OrchestratorClient
from pawl.wire.errors import Refusal

KEPT_SECONDS = 10.0
"""How long an answer is given out again; the shortest bucket is of two minutes."""


@dataclass(frozen=True, slots=True)
class Span:
    """How far back a plot goes, and in what parts."""

    name: str
    each: str
    """One of the parts, as people say it."""
    bucket: timedelta
    buckets: int
    ago: tuple[str, ...]
    """Evenly spread from its begin to its end, where nobody knows the viewer's clock."""


SPANS = (
    Span("hour", "2 minutes", timedelta(minutes=2), 30, ("1 h ago", "45 m", "30 m", "15 m", "now")),
    Span("day", "half hour", timedelta(minutes=30), 48, ("1 d ago", "18 h", "12 h", "6 h", "now")),
    Span("week", "3 hours", timedelta(hours=3), 56, ("7 d ago", *"654321", "now")),
)
DAY = SPANS[1]


def span_named(name: str) -> Span:
    """The span of that name; a day where there is none."""
    return next((one for one in SPANS if one.name == name), DAY)


@dataclass(slots=True)
class _Outcome:
    """What came of asking last."""

    at: float = float("-inf")
    told: GetHistoryResponse | Refusal | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Histories:
    """One answer for each span; also that there is none is remembered, lest all wait for it."""

    def __init__(
        self, orchestrator: OrchestratorClient, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._orchestrator = orchestrator
        self._clock = clock
        self._outcomes = {one: _Outcome() for one in SPANS}

    async def of(self, span: Span) -> GetHistoryResponse:
        """What became of jobs. Raises the refusal where that cannot be read."""
        outcome = self._outcomes[span]
        async with outcome.asking:
            if outcome.told is None or self._clock() - outcome.at >= KEPT_SECONDS:
                outcome.told = await self._ask(span)
                outcome.at = self._clock()
        if isinstance(outcome.told, Refusal):
            raise outcome.told
        return outcome.told

    async def _ask(self, span: Span) -> GetHistoryResponse | Refusal:
        try:
            return await self._orchestrator.history(bucket_length=span.bucket, buckets=span.buckets)
        except Refusal as refusal:
            return refusal
