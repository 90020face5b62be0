"""What an agent did is there after its step has ended, whoever saw it through."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.orchestrator.drive.activity_log import ActivityLog
from services.orchestrator.jobs.activity import Activity, ActivityKind
from services.orchestrator.jobs.job import JobId, JobState, Usage
from tests.orchestrator.drive.house import House, plan
from tests.support.stage import Dies, Fails, Stage

TIME = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
PATH = "logs/steps/step-0000.activity.jsonl"


def activity(index: int, text: str = "", *, attempt: int = 1, **more: Any) -> Activity:
    fields = {"kind": ActivityKind.MESSAGE, "path": "", **more}
    return Activity(
        step_index=0, attempt=attempt, index=index, create_time=TIME, text=text, **fields
    )


def lines(log: ActivityLog, attempt: int = 1) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(log.of(0, attempt)).splitlines()]


async def kept(house: House, job_id: JobId, path: str = PATH) -> list[str]:
    told = [json.loads(line) for line in (await house.text(job_id, path)).splitlines()]
    assert [one["index"] for one in told] == list(range(len(told)))
    return [one["text"] for one in told]


def test_a_line_has_what_the_api_tells_and_nothing_empty() -> None:
    log = ActivityLog()

    log.take(activity(0, "Bonjour\n« ça »", path="a/b", usage=Usage(input_tokens=7, cost_usd=0.5)))
    log.take(activity(1, kind=ActivityKind.ERROR, error_class="rate_limit", reset_time=TIME))

    assert lines(log) == [
        {
            "index": 0,
            "createTime": "2026-03-01T22:30:00Z",
            "kind": "message",
            "text": "Bonjour\n« ça »",
            "path": "a/b",
            "usage": {"inputTokens": 7, "costUsd": 0.5},
        },
        {
            "index": 1,
            "createTime": "2026-03-01T22:30:00Z",
            "kind": "error",
            "errorClass": "rate_limit",
            "resetTime": "2026-03-01T22:30:00Z",
        },
    ]


@given(texts=st.lists(st.text(max_size=60), max_size=30), again=st.integers(0, 30))
def test_what_is_told_again_is_kept_once(texts: list[str], again: int) -> None:
    log = ActivityLog()
    told = [activity(index, text) for index, text in enumerate(texts)]

    for one in [*told[:again], *told]:
        log.take(one)

    assert [one.get("text", "") for one in lines(log)] == texts


def test_reading_ends_nothing() -> None:
    log = ActivityLog()
    log.take(activity(0, "one"))

    before = lines(log)
    log.take(activity(1, "two"))

    assert before == lines(log)[:1]
    assert [one["text"] for one in lines(log)] == ["one", "two"]


def test_each_attempt_has_its_own() -> None:
    log = ActivityLog()
    log.take(activity(0, "one"))

    log.take(activity(0, "two", attempt=2))

    assert lines(log) == []
    assert [one["text"] for one in lines(log, attempt=2)] == ["two"]


def test_beyond_the_limit_it_is_counted_and_said() -> None:
    log = ActivityLog(most_bytes=1000)
    for index in range(20_000):
        log.take(activity(index, f"{index * 7919}"))

    told = lines(log)

    assert 100 < len(told) < 20_000
    assert [one["index"] for one in told[:-1]] == list(range(len(told) - 1))
    assert told[-1]["text"].startswith(f"{20_000 - len(told) + 1} more are left out")


async def test_it_is_an_artifact_once_the_step_has_ended(house: House) -> None:
    async def agent(stage: Stage) -> None:
        stage.tell("I look around.")
        stage.tell("Done.")

    job_id = await house.submit(agent)

    await house.ended(job_id)

    assert await kept(house, job_id) == ["I look around.", "Done."]


async def test_a_step_that_failed_has_it_too(house: House) -> None:
    async def agent(stage: Stage) -> None:
        stage.tell("I give up.")
        raise Fails("no way")

    job_id = await house.submit(agent)

    await house.ended(job_id)

    assert await kept(house, job_id) == ["I give up."]


async def test_an_agent_of_which_nothing_is_told_leaves_none(house: House) -> None:
    async def agent(stage: Stage) -> None:
        stage.say("words of its own")

    job_id = await house.submit(agent)

    await house.ended(job_id)

    assert await house.store.artifact(job_id, PATH) is None


async def test_of_a_lost_attempt_it_is_kept_as_far_as_it_was_told(house: House) -> None:
    async def dies(stage: Stage) -> None:
        stage.tell("half")
        raise Dies

    async def does(stage: Stage) -> None:
        stage.tell("whole")

    job_id = await house.submit(dies, does, request=plan(house.origin, steps=1))

    job = await house.ended(job_id)

    assert job.state is JobState.SUCCEEDED
    assert await kept(house, job_id, f"attempts/1/{PATH}") == ["half"]
    assert await kept(house, job_id) == ["whole"]


async def test_a_new_owner_of_a_running_step_keeps_all_of_it(house: House) -> None:
    go_on = asyncio.Event()

    async def agent(stage: Stage) -> None:
        stage.tell("before")
        await go_on.wait()
        stage.tell("after")

    job_id = await house.submit(agent)
    await house.until(job_id, "task.step.started")
    await house.runs()

    await house.desert(job_id)
    await house.until(job_id, "job.resumed")
    go_on.set()
    await house.ended(job_id)

    assert await kept(house, job_id) == ["before", "after"]
