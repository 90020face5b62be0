"""What becomes of a job at the limits of its time, its budget and its provider."""

from datetime import UTC, datetime, timedelta

from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import JobState, Usage
from tests.orchestrator.drive.house import House, plan
from tests.orchestrator.drive.scripts import fails, waits_for_the_stop, writes
from tests.support.stage import Limited, Script, Stage


async def test_a_job_past_its_deadline_fails_and_says_so(house: House) -> None:
    request = plan(house.origin, steps=1, job_timeout=1)
    job_id = await house.submit(waits_for_the_stop, request=request)

    job = await house.ended(job_id)

    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is Reason.DEADLINE_EXCEEDED


async def test_a_job_over_its_budget_is_stopped_and_keeps_its_work(house: House) -> None:
    async def spends(stage: Stage) -> None:
        (stage.tree / "half.txt").write_text("half\n")
        stage.spend(1_001)
        await stage.stopped.wait()

    request = plan(house.origin, steps=1, max_tokens=1_000)
    job_id = await house.submit(spends, request=request)

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.BUDGET_EXCEEDED
    assert "half" in await house.text(job_id, "patches/steps/step-0000.partial.patch")


async def test_what_was_spent_before_a_retry_counts(house: House) -> None:
    def spends(tokens: int) -> Script:
        async def script(stage: Stage) -> None:
            stage.spend(tokens)
            await fails(stage)

        return script

    request = plan(house.origin, steps=1, max_tokens=1_000)
    job_id = await house.submit(spends(600), spends(401), request=request)
    await house.ended(job_id)
    await house.left(job_id)

    await house.store.retry(job_id, by="ann", from_step=None, ended_attempt=1, settle=timedelta(0))
    house.claimer.wake()
    job = await house.ended(job_id)

    assert job.spent == Usage(input_tokens=600)
    assert job.failure is not None
    assert job.failure.reason is Reason.BUDGET_EXCEEDED
    assert "1,001 tokens" in job.failure.message


async def test_a_job_that_is_over_its_budget_starts_no_agent(house: House) -> None:
    async def spends(stage: Stage) -> None:
        stage.spend(1_001)
        await stage.stopped.wait()

    request = plan(house.origin, steps=1, max_tokens=1_000)
    job_id = await house.submit(spends, request=request)
    await house.ended(job_id)
    await house.left(job_id)

    await house.store.retry(job_id, by="ann", from_step=None, ended_attempt=1, settle=timedelta(0))
    house.claimer.wake()
    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.BUDGET_EXCEEDED
    assert house.runner.started == [f"{job_id}/1/0"]


async def test_a_rate_limit_is_waited_out_and_not_counted(house: House) -> None:
    async def limited(stage: Stage) -> None:
        stage.say("no more for now")
        raise Limited("usage limit reached", reset_time=datetime.now(UTC) + timedelta(seconds=2))

    request = plan(house.origin, steps=2)
    job_id = await house.submit(writes("a"), limited, writes("b"), request=request)

    await house.until(job_id, "job.requeued")
    waiting = await house.job(job_id)
    job = await house.ended(job_id)

    assert waiting.state is JobState.QUEUED
    assert waiting.not_before is not None
    assert (job.state, job.attempt, job.losses) == (JobState.SUCCEEDED, 2, 0)
    assert house.runner.started == [f"{job_id}/1/0", f"{job_id}/1/1", f"{job_id}/2/1"]
    log = await house.text(job_id, "attempts/1/logs/steps/step-0001.log")
    assert log == "no more for now\n"


async def test_a_rate_limit_beyond_the_deadline_fails_the_job(house: House) -> None:
    async def limited(stage: Stage) -> None:
        raise Limited("usage limit reached", reset_time=datetime.now(UTC) + timedelta(hours=2))

    job_id = await house.submit(limited, request=plan(house.origin, steps=1))

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.AGENT_RATE_LIMITED
