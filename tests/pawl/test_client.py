"""The client against an orchestrator that breaks as scripts say."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import TypeVar

import pytest

from pawl.client import JobEvent, OrchestratorClient, OutputChunk, connected
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire import calls
from pawl.wire.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unexpected,
    Violation,
)
from tests.support.scripted_orchestrator import (
    JOB_ID,
    Lost,
    ScriptedOrchestrator,
    Silence,
    activity,
    event,
    job,
    output,
    scripted,
)

SeenT = TypeVar("SeenT")


async def everything(
    service: ScriptedOrchestrator,
    follow: Callable[[OrchestratorClient], AsyncGenerator[SeenT, None]],
) -> list[SeenT]:
    async with (
        scripted(service) as address,
        connected(address, token="sesame") as client,
        aclosing(follow(client)) as stream,
    ):
        return [seen async for seen in stream]


async def sequences(service: ScriptedOrchestrator) -> list[int]:
    seen = await everything(service, lambda client: client.watch(JOB_ID))
    return [happened.sequence for happened in seen if isinstance(happened, JobEvent)]


async def test_a_lost_stream_is_resumed_behind_the_last_event() -> None:
    service = ScriptedOrchestrator(
        streams=[[event(1), event(2), Lost], [event(3), Lost], [event(4)]]
    )
    assert await sequences(service) == [1, 2, 3, 4]
    assert [request.after_sequence for request in service.asked] == [0, 2, 3]


async def test_repeated_events_are_dropped() -> None:
    service = ScriptedOrchestrator(streams=[[event(1), event(2), event(2), event(1), event(3)]])
    assert await sequences(service) == [1, 2, 3]


async def test_a_gap_is_asked_for_again() -> None:
    service = ScriptedOrchestrator(streams=[[event(1), event(3)], [event(2), event(3)]])
    assert await sequences(service) == [1, 2, 3]


async def test_a_gap_that_stays_is_told() -> None:
    service = ScriptedOrchestrator(streams=[[event(9)]] * 9)
    with pytest.raises(Unexpected) as caught:
        await sequences(service)
    assert caught.value.reason == "STREAM_BROKEN"


async def test_a_silent_stream_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "SILENCE", timedelta(seconds=1.5))
    service = ScriptedOrchestrator(streams=[[event(1), Silence], [event(2)]])
    assert await sequences(service) == [1, 2]


async def test_output_is_resumed_at_the_byte_that_is_missing() -> None:
    service = ScriptedOrchestrator(
        streams=[
            [event(1), output(0, b"abc"), output(3, b"de"), Lost],
            [output(2, b"cdefg"), output(7, b"h")],
        ]
    )
    seen = await everything(service, lambda client: client.watch(JOB_ID, output=True))
    chunks = [happened for happened in seen if isinstance(happened, OutputChunk)]
    assert b"".join(chunk.data for chunk in chunks) == b"abcdefgh"
    assert [chunk.offset for chunk in chunks] == [0, 3, 5, 7]
    (position,) = service.asked[1].output_after
    assert position.offset == 5


async def test_activity_told_again_after_a_loss_is_dropped() -> None:
    service = ScriptedOrchestrator(
        streams=[[activity(0), activity(1), Lost], [activity(0), activity(1), activity(2)]]
    )
    assert len(await everything(service, lambda client: client.watch(JOB_ID))) == 3


async def test_a_refused_watch_is_not_tried_again() -> None:
    service = ScriptedOrchestrator(streams=[[NotFound("JOB_NOT_FOUND", "no job has this id")]])
    with pytest.raises(NotFound, match="no job has this id"):
        await sequences(service)
    assert len(service.asked) == 1


async def test_an_artifact_is_read_on_where_the_stream_was_lost() -> None:
    def piece(offset: int, data: bytes) -> pb.ReadArtifactResponse:
        return pb.ReadArtifactResponse(offset=offset, data=data)

    service = ScriptedOrchestrator(
        reads=[[piece(0, b"abc"), Lost], [piece(3, b"def"), piece(6, b"g")]]
    )
    pieces = await everything(service, lambda client: client.read_artifact(JOB_ID, "logs/x"))
    assert b"".join(pieces) == b"abcdefg"


async def test_a_refusal_comes_with_reason_and_violations() -> None:
    violations = [Violation("task.steps[0]", "STEP_BLANK", "It says nothing.")]
    refused = InvalidArgument(violations, reason="TASK_INVALID", message="no", total=4)
    service = ScriptedOrchestrator(answers={"SubmitTask": refused})
    async with scripted(service) as address, connected(address) as client:
        with pytest.raises(InvalidArgument) as caught:
            await client.submit({"task": {}})
    assert caught.value.reason == "TASK_INVALID"
    assert caught.value.violations == tuple(violations)
    assert caught.value.total == 4


async def test_a_submit_that_found_nobody_is_repeated_with_the_same_request_id() -> None:
    service = ScriptedOrchestrator(answers={"SubmitTask": Unavailable("LEAVING", "ask again")})
    async with scripted(service) as address, connected(address) as client:
        with pytest.raises(Unavailable):
            await client.submit({"task": {}})
    ids = {request.request_id for request in service.asked}
    assert len(service.asked) == 4
    assert len(ids) == 1
    assert ids != {""}


async def test_other_refusals_are_not_repeated() -> None:
    refused = AlreadyExists("REQUEST_ID_REUSED", "choose a new id")
    service = ScriptedOrchestrator(answers={"SubmitTask": refused})
    async with scripted(service) as address, connected(address) as client:
        with pytest.raises(AlreadyExists):
            await client.submit({"task": {}}, request_id="x")
    assert len(service.asked) == 1


async def test_the_token_travels_as_bearer_metadata_with_calls() -> None:
    service = ScriptedOrchestrator(answers={"GetJob": pb.GetJobResponse(job=job())})
    async with scripted(service) as address, connected(address, token="sesame") as client:
        await client.job(JOB_ID)
    assert service.metadata[0]["authorization"] == "Bearer sesame"


async def test_the_token_travels_as_bearer_metadata_with_streams() -> None:
    service = ScriptedOrchestrator(streams=[[event(1)]])
    await sequences(service)
    assert service.metadata[0]["authorization"] == "Bearer sesame"


async def test_a_call_that_finds_nobody_names_the_address() -> None:
    async with connected("127.0.0.1:1") as client:
        with pytest.raises(Unavailable, match=r"nobody answers at 127\.0\.0\.1:1"):
            await client.job(JOB_ID)


async def test_a_watch_that_finds_nobody_gives_up_soon() -> None:
    async with connected("127.0.0.1:1") as client, aclosing(client.watch(JOB_ID)) as stream:
        with pytest.raises(Unavailable, match=r"nobody answers at 127\.0\.0\.1:1"):
            await anext(stream)


async def test_the_queue_is_asked_for() -> None:
    answer = pb.GetQueueResponse(longest_job_id=JOB_ID)
    service = ScriptedOrchestrator(answers={"GetQueue": answer})
    async with scripted(service) as address, connected(address) as client:
        assert await client.queue() == answer


async def test_history_is_asked_for() -> None:
    answer = pb.GetHistoryResponse(buckets=[pb.HistoryBucket(submitted_jobs=3)])
    service = ScriptedOrchestrator(answers={"GetHistory": answer})
    async with scripted(service) as address, connected(address) as client:
        told = await client.history(bucket_length=timedelta(minutes=2), buckets=30)

    assert told == answer
    assert service.asked == [pb.GetHistoryRequest(bucket_length=timedelta(minutes=2), buckets=30)]
