"""How the queue stands, and what became of jobs of late."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawl.cli.tables import duration
from pawl.client import GetQueueResponse, JobState, OrchestratorClient
from pawl.wire.errors import Refusal
from services.dashboard.histories import SPANS, Histories, Span, span_named
from services.dashboard.pages import page
from services.dashboard.throughput import throughput


@dataclass(frozen=True, slots=True)
class Depth:
    """How many jobs of one runtime there are that have not ended."""

    runtime: str
    waiting: int
    held: int
    """Of the waiting ones: until a time of their own."""
    running: int


class QueuePage:
    """The page and its live part; what cannot be read is told in its own place alone."""

    def __init__(self, orchestrator: OrchestratorClient, histories: Histories) -> None:
        self._orchestrator = orchestrator
        self._histories = histories

    def routes(self) -> Sequence[BaseRoute]:
        """Where it is."""
        return [Route("/queue", self.queue)]

    async def queue(self, request: Request) -> Response:
        """How deep the queue is, who waits longest, and what became of jobs."""
        span = span_named(request.query_params.get("span", ""))
        async with asyncio.TaskGroup() as asking:
            standing = asking.create_task(self._standing())
            became = asking.create_task(self._became(span))
        return page(
            request,
            "queue_part.html" if "x-pawl-piece" in request.headers else "queue.html",
            {"span": span, "spans": SPANS, **standing.result(), **became.result()},
        )

    async def _standing(self) -> Mapping[str, Any]:
        try:
            told = await self._orchestrator.queue()
        except Refusal as refusal:
            return {"depths_trouble": refusal}
        return {
            "depths_trouble": None,
            "depths": depths(told),
            # Those that wait for somebody who is not there come first.
            "capabilities": sorted(
                told.capabilities, key=lambda one: bool(one.offering_runners or not one.queued_jobs)
            ),
            "longest": told.longest_job_id,
            "wait": duration(told.longest_wait.ToTimedelta().total_seconds()),
        }

    async def _became(self, span: Span) -> Mapping[str, Any]:
        try:
            told = await self._histories.of(span)
        except Refusal as refusal:
            return {"history_trouble": refusal}
        return {"history_trouble": None, "history": throughput(span, told)}


def depths(told: GetQueueResponse) -> Sequence[Depth]:
    """By runtime, in the order of their names."""
    counts: dict[str, dict[JobState, tuple[int, int]]] = defaultdict(dict)
    for one in told.counts:
        counts[one.runtime][one.state] = (one.jobs, one.held_jobs)
    return [
        Depth(
            runtime=runtime,
            waiting=counts[runtime].get(JobState.JOB_STATE_QUEUED, (0, 0))[0],
            held=counts[runtime].get(JobState.JOB_STATE_QUEUED, (0, 0))[1],
            running=counts[runtime].get(JobState.JOB_STATE_RUNNING, (0, 0))[0],
        )
        for runtime in sorted(counts)
    ]
