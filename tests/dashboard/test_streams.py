"""Jobs watched once for all who look at them, within bounds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from pawl.client import connected
from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import Unavailable
from services.dashboard import streams as module
from services.dashboard import watched
from services.dashboard.streams import Streams
from tests.support.scripted_orchestrator import (
    JOB_ID,
    Line,
    ScriptedOrchestrator,
    Silence,
    activity,
    event,
    job,
    scripted,
)

MANY = 1_000


def knowing(shown: job_pb2.Job, *lines: list[Line]) -> ScriptedOrchestrator:
    return ScriptedOrchestrator(
        answers={
            "GetJob": pb.GetJobResponse(job=shown),
            "ExplainJob": pb.ExplainJobResponse(job_id=JOB_ID, state=shown.state),
            "ListArtifacts": pb.ListArtifactsResponse(),
        },
        streams=list(lines),
    )


def running() -> ScriptedOrchestrator:
    """One job that goes on, for as many watches as are asked for."""
    past: list[Line] = [event(1)]
    live: list[Line] = [Silence]
    return knowing(job("RUNNING", last_sequence=1), past, live, past, live, past, live)


@asynccontextmanager
async def opened(orchestrator: ScriptedOrchestrator) -> AsyncIterator[Streams]:
    async with scripted(orchestrator) as target, connected(target) as client:
        streams = Streams(client)
        async with streams.open():
            yield streams


async def seen(streams: Streams, job_id: str = JOB_ID) -> bytes:
    """Everything that one viewer gets."""
    return b"".join([batch async for batch in streams.view(job_id, 0)])


def watches(orchestrator: ScriptedOrchestrator) -> int:
    return sum(isinstance(request, pb.WatchJobRequest) for request in orchestrator.asked)


@pytest.mark.timeout(60)
async def test_a_thousand_viewers_are_one_watch_and_each_sees_the_whole() -> None:
    """What they cost the orchestrator does not grow with them."""
    past: list[Line] = [event(number) for number in range(1, 20)]
    live: list[Line] = [activity(0), event(20, "job.succeeded")]
    orchestrator = knowing(job("RUNNING", last_sequence=19), past, live)
    async with opened(orchestrator) as streams, asyncio.TaskGroup() as tasks:
        viewers = [tasks.create_task(seen(streams)) for _ in range(MANY)]

    assert {viewer.result().count(b"event: happened") for viewer in viewers} == {20}
    assert all(viewer.result().endswith(b"event: end\ndata: {}\n\n") for viewer in viewers)
    assert watches(orchestrator) == 2
    assert len(orchestrator.asked) < 20


async def test_a_plan_is_read_once_since_it_never_changes() -> None:
    past: list[Line] = [event(1)]
    live: list[Line] = [event(2), event(3), event(4, "job.succeeded")]
    orchestrator = knowing(job("RUNNING", last_sequence=1), past, live)
    async with opened(orchestrator) as streams:
        await seen(streams)

    reads = [one for one in orchestrator.asked if isinstance(one, pb.GetJobRequest)]
    assert len(reads) > 2
    assert sum(not one.without_plan for one in reads) == 1


async def test_a_job_that_nobody_looks_at_is_watched_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watched, "LINGER_SECONDS", 0.05)
    orchestrator = running()
    async with opened(orchestrator) as streams:
        for _ in range(2):
            async with aclosing(streams.view(JOB_ID, 0)) as frames:
                await anext(frames)
            while streams.watched:  # noqa: ASYNC110 - that it is let go of is told to nobody
                await asyncio.sleep(0.01)

    assert watches(orchestrator) >= 2


async def test_what_is_known_of_a_job_that_has_ended_is_let_go_of_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For ten seconds, who opened it again from elsewhere was shown its old end, and no more."""
    monkeypatch.setattr(watched, "LINGER_SECONDS", 60)
    monkeypatch.setattr(watched, "ENDED_SECONDS", 0.05)
    ended: list[Line] = [event(1, "job.failed")]
    opened_again: list[Line] = [*ended, event(2, "job.retried")]
    orchestrator = knowing(job("FAILED", last_sequence=1), ended, [], opened_again, [])
    async with opened(orchestrator) as streams:
        await seen(streams)
        while streams.watched:  # noqa: ASYNC110 - that it is let go of is told to nobody
            await asyncio.sleep(0.01)
        orchestrator.answers["GetJob"] = pb.GetJobResponse(job=job(last_sequence=2))
        told = await seen(streams)

    assert b"job.retried" in told


async def test_a_page_that_is_loaded_anew_finds_the_watch_still_there() -> None:
    orchestrator = running()
    async with opened(orchestrator) as streams:
        for _ in range(3):
            async with aclosing(streams.view(JOB_ID, 0)) as frames:
                await anext(frames)
        await orchestrator.silent.wait()

    assert watches(orchestrator) == 2


async def test_more_jobs_than_may_be_watched_are_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "JOBS", 1)
    async with opened(running()) as streams, aclosing(streams.view(JOB_ID, 0)) as frames:
        await anext(frames)
        other = await seen(streams, "another")

    assert b"TOO_MANY_JOBS" in other
    assert b"1 jobs are followed, as many as may be" in other


async def test_room_is_made_of_a_job_that_nobody_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "JOBS", 1)
    async with opened(running()) as streams:
        async with aclosing(streams.view("another", 0)) as frames:
            await anext(frames)
        async with aclosing(streams.view(JOB_ID, 0)) as frames:
            first = await anext(frames)

    assert b"TOO_MANY_JOBS" not in first


async def test_more_viewers_than_may_look_are_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "VIEWERS", 1)
    async with opened(running()) as streams, aclosing(streams.view(JOB_ID, 0)) as frames:
        await anext(frames)
        refused = await seen(streams)

    assert b"TOO_MANY_VIEWERS" in refused


async def test_a_viewer_that_leaves_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VIEWERS", 1)
    async with opened(running()) as streams:
        for _ in range(3):
            async with aclosing(streams.view(JOB_ID, 0)) as frames:
                first = await anext(frames)

            assert b"TOO_MANY_VIEWERS" not in first


async def test_a_dashboard_that_leaves_ends_its_streams_without_calling_it_the_jobs_end() -> None:
    """Browsers come back by themselves, to whoever is there then."""
    async with opened(running()) as streams, asyncio.TaskGroup() as tasks:
        viewer = tasks.create_task(seen(streams))
        while not streams.watched:  # noqa: ASYNC110 - nor that it begins
            await asyncio.sleep(0)
        streams.leave()

    assert b"event: end" not in viewer.result()


async def test_an_orchestrator_that_is_away_is_told_beside_what_is_known() -> None:
    orchestrator = running()
    orchestrator.answers["ExplainJob"] = Unavailable("DATABASE_AWAY", "its database is away")
    told = b""
    async with opened(orchestrator) as streams, aclosing(streams.view(JOB_ID, 0)) as frames:
        async for batch in frames:
            told += batch
            if b"its database is away" in told:
                break

    assert b"event: happened" in told
    assert b"may be out of date" in told


async def test_a_defect_in_showing_one_job_is_told_and_reaches_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_look: object) -> dict[str, str]:
        raise ZeroDivisionError("a secret of the code")

    monkeypatch.setattr(watched, "pieces", broken)
    async with opened(running()) as streams:
        first = await seen(streams)
        monkeypatch.undo()
        async with aclosing(streams.view(JOB_ID, 0)) as frames:
            other = await anext(frames)

    assert b"INTERNAL" in first
    assert b"secret" not in first
    assert b"INTERNAL" not in other


async def test_a_stream_ends_in_time_for_its_session_to_be_looked_at_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.1)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    async with opened(running()) as streams:
        told = await seen(streams)

    assert b"event: end" not in told
