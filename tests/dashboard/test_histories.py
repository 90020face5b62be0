"""However many look at what became of jobs, it is asked for once in a while."""

import asyncio

import pytest

from pawl.client import GetHistoryResponse, connected
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import Unexpected
from services.dashboard.histories import DAY, KEPT_SECONDS, SPANS, Histories, span_named
from tests.support.scripted_orchestrator import ScriptedOrchestrator, scripted


class Clock:
    """Goes as far as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_many_who_look_at_once_are_answered_by_one_question() -> None:
    orchestrator = ScriptedOrchestrator(answers={"GetHistory": GetHistoryResponse()})
    async with scripted(orchestrator) as address, connected(address) as client:
        histories = Histories(client, clock=Clock())
        async with asyncio.TaskGroup() as looking:
            for _ in range(20):
                looking.create_task(histories.of(DAY))

    assert orchestrator.asked == [
        pb.GetHistoryRequest(bucket_length=DAY.bucket, buckets=DAY.buckets)
    ]


async def test_spans_are_asked_for_each_by_itself_and_anew_after_a_while() -> None:
    orchestrator = ScriptedOrchestrator(answers={"GetHistory": GetHistoryResponse()})
    clock = Clock()
    async with scripted(orchestrator) as address, connected(address) as client:
        histories = Histories(client, clock=clock)
        for now in (0.0, KEPT_SECONDS - 0.1, KEPT_SECONDS):
            clock.now = now
            for span in SPANS:
                await histories.of(span)

    assert [one.buckets for one in orchestrator.asked] == [one.buckets for one in SPANS] * 2


async def test_a_refusal_is_remembered_too() -> None:
    """Otherwise everybody who looks would wait for it, one after the other."""
    orchestrator = ScriptedOrchestrator(answers={"GetHistory": Unexpected("BROKEN", "it broke")})
    async with scripted(orchestrator) as address, connected(address) as client:
        histories = Histories(client, clock=Clock())
        for _ in range(3):
            with pytest.raises(Unexpected):
                await histories.of(DAY)

    assert len(orchestrator.asked) == 1


def test_a_span_that_there_is_not_is_a_day() -> None:
    assert span_named("week").name == "week"
    assert span_named("<script>") is DAY
