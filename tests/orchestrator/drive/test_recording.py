"""What is stored of a step's output while it runs."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import JobOutcome, JobState, NewEvent, Segment, Stream
from tests.orchestrator.drive.house import House, plan
from tests.orchestrator.drive.scripts import writes
from tests.support.stage import Stage


async def test_a_steps_log_is_what_its_agent_wrote(house: House) -> None:
    job_id = await house.submit(writes("a"))

    await house.ended(job_id)

    assert await house.text(job_id, "logs/steps/step-0000.log") == "writing a\n"


async def test_a_step_that_says_a_little_all_the_time_leaves_few_pieces(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that said a line every moment for a night once left a million files."""
    stored, enough, append = asyncio.Event(), asyncio.Event(), house.store.append_output

    async def told(claim: Claim, segments: Sequence[Segment]) -> None:
        await append(claim, segments)
        stored.set()

    async def chatty(stage: Stage) -> None:
        for number in range(60):
            stored.clear()
            stage.say(str(number))
            await stored.wait()
        await enough.wait()

    monkeypatch.setattr("services.orchestrator.drive.loose.MOST_PIECES", 8)
    monkeypatch.setattr(house.store, "append_output", told)
    job_id = await house.submit(chatty)
    text = "".join(f"{number}\n" for number in range(60))
    where = {"step_index": 0, "attempt": 1}
    while (await house.store.received(job_id, **where)).get(Stream.STDOUT) != len(text):
        await House._moment()

    def files() -> list[str]:
        return [key for key in house.artifacts.bytes if "/segments/" in key]

    while len(files()) > 16:
        await House._moment()
    pieces = await house.store.segments(job_id, **where, after_order=-1, limit=100)
    enough.set()
    await house.ended(job_id)

    assert len(pieces) <= 60 // 8 + 8
    assert await house.text(job_id, "logs/steps/step-0000.log") == text
    assert files() == []


async def test_a_stop_amid_a_write_neither_loses_nor_repeats_output(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner once knew nothing of a write that was made as it was interrupted."""
    stored, append = asyncio.Event(), house.store.append_output

    async def interrupted(claim: Claim, segments: Sequence[Segment]) -> None:
        await append(claim, segments)
        if not stored.is_set():
            stored.set()
            await asyncio.Event().wait()

    async def chatty(stage: Stage) -> None:
        stage.say("one")
        await stored.wait()
        stage.say("two")
        await stage.stopped.wait()

    monkeypatch.setattr(house.store, "append_output", interrupted)
    job_id = await house.submit(chatty)
    await stored.wait()

    await house.store.request_cancel(job_id, by="ada", reason="")
    house.claimer.cancel(job_id)
    job = await house.ended(job_id)

    assert (job.epoch, job.state) == (1, JobState.CANCELLED)
    assert await house.text(job_id, "logs/steps/step-0000.log") == "one\ntwo\n"


async def test_what_an_attempt_wrote_that_nobody_could_end_is_kept(house: House) -> None:
    """The output of a job that was given up as poison stayed in pieces that nobody could read."""
    house.runner.full = True
    job_id = await house.submit(writes("a"), request=plan(house.origin, steps=1))
    claim = await house.store.claim(job_id, owner="another", term=house.term)
    assert claim is not None
    await house.store.start_step(
        claim,
        step_index=0,
        attempt=1,
        run_id=f"{job_id}/1/0",
        runner_id="gone",
        incarnation="",
        workspace_id=f"{job_id}/1",
    )
    key = await house.artifacts.put_segment(job_id, b"half a word")
    piece = Segment(
        step_index=0, attempt=1, stream=Stream.STDOUT, offset=0, size=11, key=key, order=0
    )
    await house.store.append_output(claim, [piece])
    await house.store.end(
        claim,
        NewEvent(type="job.deadLettered", message="Given up."),
        state=JobState.DEAD_LETTER,
        outcome=JobOutcome.FAILED,
    )

    house.runner.full = False
    await house.store.retry(job_id, by="ada", from_step=None, ended_attempt=0, settle=timedelta())
    house.claimer.wake()
    job = await house.ended(job_id)

    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
    assert await house.text(job_id, "attempts/1/logs/steps/step-0000.log") == "half a word"
    assert key not in house.artifacts.bytes
