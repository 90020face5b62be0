"""OrchestratorService.WatchJob: each promise and status of the proto's comment."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import InvalidArgument, NotFound, OutOfRange, ResourceExhausted
from services.orchestrator import watching
from services.orchestrator.jobs.activity import Activity, ActivityKind
from services.orchestrator.jobs.job import StepState, Stream
from services.orchestrator.store.store import opened
from tests.promises.orchestrator import House, housed, refusal
from tests.promises.watcher import STDERR, STDOUT, Watcher, admitted
from tests.support.jobs import fact


async def test_stored_events_come_first_and_live_ones_after_them(house: House) -> None:
    claim = await house.running()
    watcher = Watcher(house, claim.job_id)
    await watcher.until(event="task.step.started")

    await house.store.note(claim, fact("task.live"))
    house.feed.wake(claim.job_id)
    await watcher.until(event="task.live")
    await house.end(claim)

    assert await watcher.end() == ["job.succeeded"]
    assert watcher.sequences == [1, 2, 3, 4, 5]


async def test_it_begins_behind_the_event_the_caller_has(house: House) -> None:
    claim = await house.running()
    await house.end(claim)

    watcher = Watcher(house, claim.job_id, after_sequence=2)

    assert await watcher.end() == ["task.step.started", "job.succeeded"]
    assert watcher.sequences == [3, 4]


async def test_events_written_while_it_replays_are_neither_lost_nor_repeated(
    house: House,
) -> None:
    claim = await house.running()
    await house.store.note(claim, *(fact() for _ in range(300)))
    watcher = Watcher(house, claim.job_id)

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(watcher.end())
        for _ in range(20):
            await house.store.note(claim, fact())
            house.feed.wake(claim.job_id)
        await house.end(claim)

    assert reading.result()[-1] == "job.succeeded"
    assert watcher.sequences == list(range(1, 325))


@pytest.mark.parametrize("kind", ["succeeded", "failed"])
async def test_the_stream_closes_with_ok_whatever_became_of_the_work(
    house: House, kind: str
) -> None:
    claim = await house.running()
    await house.end(claim, kind)

    assert (await Watcher(house, claim.job_id).end())[-1] == f"job.{kind}"


async def test_a_stream_opened_behind_the_end_closes_at_once(house: House) -> None:
    claim = await house.running()
    await house.end(claim)

    assert await Watcher(house, claim.job_id, after_sequence=4).end() == []


async def test_events_of_another_process_are_seen(house: House) -> None:
    claim = await house.running()
    watcher = Watcher(house, claim.job_id)
    await watcher.until(event="task.step.started")

    async with opened(f"sqlite:///{house.folder / 'jobs.db'}") as other:
        await other.note(claim, fact("task.elsewhere"))

    await watcher.until(event="task.elsewhere")


async def test_a_heartbeat_fills_silence(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SILENCE", timedelta(milliseconds=50))
    job_id = (await house.submit()).job.job_id

    kinds = []
    async for message in Watcher(house, job_id):
        kinds.append(message.WhichOneof("kind"))
        if len(kinds) == 3:
            break

    assert kinds == ["event", "heartbeat", "heartbeat"]


async def test_activity_comes_live_with_what_the_step_did_before(house: House) -> None:
    claim = await house.running()
    house.feed.act(claim.job_id, activity(0, "before"))
    watcher = Watcher(house, claim.job_id)
    await watcher.until(activity="before")

    house.feed.act(claim.job_id, activity(1, "live"))
    await watcher.until(activity="live")

    assert watcher.activities == ["before", "live"]


async def test_output_comes_live(house: House) -> None:
    claim = await house.running()
    watcher = Watcher(house, claim.job_id, include_output=True)
    await house.write(claim, 0, 0, b"first ")
    await watcher.until(output=6)

    await house.write(claim, 1, 6, b"second")
    await watcher.until(output=12)

    assert watcher.output[STDOUT] == b"first second"


async def test_output_is_not_sent_unasked(house: House) -> None:
    claim = await house.running()
    await house.write(claim, 0, 0, b"first")
    await house.finish(claim, b"first")
    await house.end(claim)

    assert "output" not in await Watcher(house, claim.job_id).end()


async def test_output_of_a_step_is_complete_before_its_end_is_told(house: House) -> None:
    claim = await house.running()
    big = bytes(range(256)) * 1024
    await house.write(claim, 0, 0, big)
    await house.write(claim, 1, 0, b"warning", Stream.STDERR)
    await house.write(claim, 2, len(big), b"end")
    await house.finish(claim, big + b"warning" + b"end")
    await house.end(claim)

    watcher = Watcher(house, claim.job_id, include_output=True)
    kinds = await watcher.end()

    assert watcher.output[STDOUT] == big + b"end"
    assert watcher.output[STDERR] == b"warning"
    assert kinds.index("task.step.finished") > max(
        place for place, kind in enumerate(kinds) if kind == "output"
    )


async def test_a_job_whose_artifacts_were_removed_still_tells_its_events(house: House) -> None:
    claim = await house.running()
    await house.write(claim, 0, 0, b"first")
    await house.finish(claim, b"first")
    await house.end(claim)
    (log,) = await house.store.artifacts(claim.job_id)
    await house.artifacts.delete([log.key])

    between = await Watcher(house, claim.job_id, include_output=True).end()
    await house.store.give_up_artifacts(older_than=timedelta(seconds=-60), limit=1)
    after = await Watcher(house, claim.job_id, include_output=True).end()

    for kinds in (between, after):
        assert kinds[-1] == "job.succeeded"
        assert "output" not in kinds


async def test_output_goes_on_where_the_caller_stands(house: House) -> None:
    claim = await house.running()
    await house.write(claim, 0, 0, b"0123")
    await house.write(claim, 1, 0, b"abcd", Stream.STDERR)
    await house.write(claim, 2, 4, b"4567")
    positions = [
        pb.OutputPosition(step_index=0, attempt=1, stream=STDOUT, offset=6),
        pb.OutputPosition(step_index=0, attempt=1, stream=STDERR, offset=1),
    ]

    for log in (None, b"0123abcd4567"):
        if log is not None:
            await house.finish(claim, log)
            await house.end(claim)
        watcher = Watcher(house, claim.job_id, include_output=True, output_after=positions)
        watcher.output[STDOUT] += b"012345"
        watcher.output[STDERR] += b"a"
        if log is None:
            await watcher.until(output=8)
        else:
            await watcher.end()
        assert watcher.output[STDOUT] == b"01234567"
        assert watcher.output[STDERR] == b"abcd"


async def test_a_caller_that_joins_late_gets_all_output_of_the_running_step(
    house: House,
) -> None:
    claim = await house.running()
    await house.write(claim, 0, 0, b"all of it")

    watcher = Watcher(house, claim.job_id, include_output=True, after_sequence=3)

    await watcher.until(output=9)
    assert watcher.sequences == []


async def test_a_step_that_ended_before_the_callers_place_sends_no_output(
    house: House,
) -> None:
    claim = await house.running()
    await house.write(claim, 0, 0, b"old")
    await house.finish(claim, b"old")
    await house.end(claim)

    watcher = Watcher(house, claim.job_id, include_output=True, after_sequence=4)

    assert await watcher.end() == ["job.succeeded"]


async def test_output_of_a_lost_attempt_is_sent_too(house: House) -> None:
    claim = await house.running()
    await house.write(claim, 0, 0, b"lost words")
    log = await house.artifacts.put_bytes(
        claim.job_id, "attempts/1/logs/steps/step-0000.log", b"lost words"
    )
    await house.store.end_step(
        claim,
        fact("task.step.lost", step_index=0),
        step_index=0,
        state=StepState.LOST,
        summary="",
        usage=None,
        artifacts=[log],
    )
    await house.end(claim)

    watcher = Watcher(house, claim.job_id, include_output=True)
    await watcher.end()

    assert watcher.output[STDOUT] == b"lost words"


async def test_a_lost_attempt_is_not_given_the_output_of_the_next(house: House) -> None:
    claim = await house.running()
    await house.write(claim, 0, 0, b"never kept")
    await house.store.end_step(
        claim,
        fact("task.step.lost", step_index=0),
        step_index=0,
        state=StepState.LOST,
        summary="",
        usage=None,
        artifacts=[],
    )
    await house.rig.start(claim, attempt=2)
    await house.finish(claim, b"of the second attempt")
    await house.end(claim)

    watcher = Watcher(house, claim.job_id, include_output=True)

    assert (await watcher.end())[-1] == "job.succeeded"
    assert watcher.output[STDOUT] == b""


async def test_a_reader_that_stalls_slows_nobody(house: House) -> None:
    """Both the job and the other reader go on, and the one that stalled misses nothing."""
    claim = await house.running()
    stalled = Watcher(house, claim.job_id, include_output=True)
    await stalled.until(event="task.step.started")
    other = Watcher(house, claim.job_id, include_output=True)
    piece = b"x" * 200_000
    total = 0
    for order in range(50):
        await house.write(claim, order, total, piece)
        total += len(piece)

    await other.until(output=total)
    await house.finish(claim, piece * 50)
    await house.end(claim)

    assert (await other.end())[-1] == "job.succeeded"
    assert (await stalled.end())[-1] == "job.succeeded"
    assert len(stalled.output[STDOUT]) == total


async def test_leaving_only_detaches(tmp_path: Path) -> None:
    async with housed(tmp_path, watches=1) as house:
        claim = await house.running()
        first = Watcher(house, claim.job_id)
        await first.until(event="task.step.started")
        first.call.cancel()

        second = await admitted(house, claim.job_id)
        await house.end(claim)

        assert (await second.end())[-1] == "job.succeeded"


async def test_no_job_has_this_id(house: House) -> None:
    refused = await refusal(house.stub.WatchJob(pb.WatchJobRequest(job_id="nothing")))

    assert isinstance(refused, NotFound)
    assert refused.reason == "JOB_NOT_FOUND"


async def test_a_place_behind_the_newest_event_is_refused(house: House) -> None:
    job_id = (await house.submit()).job.job_id

    refused = await refusal(
        house.stub.WatchJob(pb.WatchJobRequest(job_id=job_id, after_sequence=2))
    )

    assert isinstance(refused, OutOfRange)
    assert refused.reason == "AFTER_END"


async def test_more_watchers_than_there_is_room_for_are_told_when_to_come_back(
    tmp_path: Path,
) -> None:
    async with housed(tmp_path, watches=1) as house:
        claim = await house.running()
        await Watcher(house, claim.job_id).until(event="job.submitted")

        refused = await refusal(house.stub.WatchJob(pb.WatchJobRequest(job_id=claim.job_id)))

        assert isinstance(refused, ResourceExhausted)
        assert refused.reason == "TOO_MANY_WATCHES"
        assert refused.retry_after is not None
        await house.end(claim)


async def test_every_place_that_is_off_is_named(house: House) -> None:
    request = pb.WatchJobRequest(
        job_id="any", after_sequence=-1, output_after=[pb.OutputPosition(offset=-1)]
    )

    refused = await refusal(house.stub.WatchJob(request))

    assert isinstance(refused, InvalidArgument)
    assert [one.field for one in refused.violations] == [
        "after_sequence",
        "output_after[0].attempt",
        "output_after[0].stream",
        "output_after[0].offset",
    ]


def activity(index: int, text: str) -> Activity:
    """Something the first step's agent did."""
    return Activity(
        step_index=0,
        attempt=1,
        index=index,
        create_time=datetime.now(UTC),
        kind=ActivityKind.MESSAGE,
        text=text,
        path="",
    )
