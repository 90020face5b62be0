"""OrchestratorService.ExplainJob: each promise and status of the proto's comment."""

from datetime import UTC, datetime, timedelta

import pytest

from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import NotFound
from services.orchestrator.jobs import retries
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.eligibility import Process
from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.job import Job, JobId, JobOutcome, JobState, NewEvent, StepState
from services.orchestrator.jobs.runners import RuntimeCard
from tests.orchestrator.store.claiming import EXPIRED, ended
from tests.promises.orchestrator import House, refusal
from tests.support.jobs import TERM, fact, some_job, some_plan

TARGET = "127.0.0.1:1"


async def explained(house: House, job: Job | Claim) -> pb.ExplainJobResponse:
    answer = await house.stub.ExplainJob(pb.ExplainJobRequest(job_id=job.job_id))
    assert answer.eligible is not bool(answer.holds)
    assert answer.summary.endswith(".")
    return answer


def reason(answer: pb.ExplainJobResponse) -> str:
    return pb.StandingReason.Name(answer.reason).removeprefix("STANDING_REASON_")


def obstacles(answer: pb.ExplainJobResponse) -> list[str]:
    return [
        pb.RunnerObstacle.Name(one.obstacle).removeprefix("RUNNER_OBSTACLE_")
        for one in answer.waiting.runners
    ]


async def test_a_job_that_would_be_claimed_is_eligible(house: House) -> None:
    job = await house.rig.submit()

    answer = await explained(house, job)

    assert answer.eligible
    assert reason(answer) == "ELIGIBLE"
    assert answer.waiting.position == 1
    assert answer.waiting.since.ToDatetime(tzinfo=UTC) == job.create_time
    assert answer.waiting.nearest_target == TARGET
    assert obstacles(answer) == ["UNSPECIFIED", "UNREACHABLE"]
    assert await house.store.claim(job.job_id, owner="me", term=TERM) is not None


async def test_the_place_in_the_queue_counts_what_can_be_claimed_before(house: House) -> None:
    urgent = await house.rig.submit(some_job(priority=1))
    waits = await house.rig.claim(await house.rig.submit(some_job(priority=1)))
    await house.store.requeue(waits, fact("job.requeued"), not_before=later())
    await house.rig.submit()
    job = await house.rig.submit()
    await house.rig.submit()

    assert (await explained(house, job)).waiting.position == 3
    assert (await explained(house, urgent)).waiting.position == 1


async def test_a_time_that_has_not_come_is_told_with_why(house: House) -> None:
    claim = await house.rig.claim()
    until = later()
    await house.store.requeue(
        claim,
        NewEvent(type="job.requeued", message="Back.", payload={"why": "the provider is busy"}),
        not_before=until,
    )

    answer = await explained(house, claim)

    assert reason(answer) == "NOT_BEFORE"
    assert [one.until.ToDatetime(tzinfo=UTC) for one in answer.holds] == [until]
    assert answer.waiting.not_before.ToDatetime(tzinfo=UTC) == until
    assert "the provider is busy" in answer.summary


async def test_the_time_a_job_may_wait_is_told(house: House) -> None:
    job = await house.rig.submit(some_job(some_plan(queue_timeout=3600)))

    answer = await explained(house, job)

    deadline = answer.waiting.queue_deadline.ToDatetime(tzinfo=UTC)
    assert abs(deadline - job.create_time - timedelta(hours=1)) < timedelta(seconds=1)


async def test_a_job_that_has_waited_too_long_is_not_claimed_any_more(house: House) -> None:
    job = await house.rig.submit(some_job(some_plan(queue_timeout=-1)))

    assert reason(await explained(house, job)) == "QUEUE_EXPIRED"
    assert await house.store.expire_queued() == [job.job_id]


@pytest.mark.parametrize(
    ("changes", "obstacle", "why"),
    [
        ({"reachable": False}, "UNREACHABLE", "NO_RUNNER"),
        ({"draining": True}, "DRAINING", "NO_RUNNER"),
        ({"capabilities": frozenset({"claude"})}, "CAPABILITY_MISSING", "CAPABILITY_MISSING"),
        ({"free_slots": 0}, "NO_FREE_SLOT", "NO_FREE_SLOT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_each_runner_tells_the_first_thing_it_fails(
    house: House, changes: dict[str, object], obstacle: str, why: str
) -> None:
    for name, value in changes.items():
        setattr(house.fleet, name, value)

    answer = await explained(house, await house.rig.submit())

    assert obstacles(answer) == [obstacle, "UNREACHABLE"]
    assert reason(answer) == why


async def test_what_nobody_offers_is_named(house: House) -> None:
    plan = some_plan(capabilities=("codex", "git", "docker", "gpu"))

    answer = await explained(house, await house.rig.submit(some_job(plan)))

    assert list(answer.waiting.runners[0].missing_capabilities) == ["docker", "gpu"]
    assert "docker, gpu" in answer.summary


async def test_a_runtime_that_cannot_be_run_is_told_in_its_cards_words(house: House) -> None:
    house.fleet.capabilities = frozenset({"claude"})
    house.fleet.cards = (
        RuntimeCard(name="codex", available=False, version="", reason="codex is not on its PATH"),
    )

    answer = await explained(house, await house.rig.submit())

    assert reason(answer) == "RUNTIME_UNAVAILABLE"
    assert obstacles(answer)[0] == "RUNTIME_UNAVAILABLE"
    assert "codex is not on its PATH" in answer.waiting.runners[0].card_reason
    assert "codex is not on its PATH" in answer.summary


async def test_the_jobs_that_take_all_slots_are_named(house: House) -> None:
    house.fleet.free_slots = 0
    house.fleet.workspaces = ("some-job/1", "other-job/2")

    answer = await explained(house, await house.rig.submit())

    (runner, _) = answer.waiting.runners
    assert list(runner.job_ids) == ["some-job", "other-job"]
    assert (runner.slots, runner.free_slots) == (2, 0)
    assert "some-job, other-job" in answer.summary


async def test_the_jobs_that_fill_a_repository_are_named(house: House) -> None:
    house.process = Process(max_jobs=64, per_repository=1)
    runs = await house.rig.claim()
    await house.rig.claim(await house.rig.submit(some_job(some_plan(repository="owner/other"))))

    answer = await explained(house, await house.rig.submit())

    waiting = answer.waiting
    assert reason(answer) == "REPOSITORY_LIMIT"
    assert (waiting.repository_limit, waiting.repository_running) == (1, 1)
    assert list(waiting.repository_job_ids) == [runs.job_id]
    assert runs.job_id in answer.summary


async def test_an_orchestrator_that_is_full_says_so(house: House) -> None:
    house.process = Process(driving=[JobId("one"), JobId("two")], max_jobs=2)

    answer = await explained(house, await house.rig.submit())

    assert reason(answer) == "MAX_JOBS"
    assert (answer.waiting.max_jobs, answer.waiting.driven_jobs) == (2, 2)


async def test_all_that_is_in_the_way_is_told(house: House) -> None:
    house.process = Process(driving=[JobId("one")], max_jobs=1, per_repository=1)
    house.fleet.free_slots = 0
    await house.rig.claim()

    answer = await explained(house, await house.rig.submit())

    assert [pb.StandingReason.Name(one.reason) for one in answer.holds] == [
        "STANDING_REASON_REPOSITORY_LIMIT",
        "STANDING_REASON_NO_FREE_SLOT",
        "STANDING_REASON_MAX_JOBS",
    ]


async def test_a_running_job_tells_its_step_its_run_and_its_lease(house: House) -> None:
    claim = await house.running()

    answer = await explained(house, claim)

    running = answer.running
    assert reason(answer) == "WORKING"
    assert (running.step_index, running.attempt, running.run_id) == (0, 1, "some-run")
    assert (running.owner, running.owned_here, running.lease_expired) == ("me", True, False)
    left = running.lease_until.ToDatetime(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta() < left <= TERM + timedelta(seconds=1)
    assert running.silence_limit.ToTimedelta() == timedelta(seconds=900)


async def test_output_is_heard(house: House) -> None:
    claim = await house.running()
    before = (await explained(house, claim)).running.heard_time.ToDatetime()
    written = 0

    async def heard() -> datetime:
        return (await explained(house, claim)).running.heard_time.ToDatetime()

    while await heard() == before:
        await house.write(claim, written, written, b"x")
        written += 1

    assert await heard() > before
    assert [event.type for event in await house.store.events(claim.job_id, after=0, limit=9)] == [
        "job.submitted",
        "job.claimed",
        "task.step.started",
    ]


async def test_a_step_that_writes_nothing_is_silent(house: House) -> None:
    plan = some_plan()
    plan.task["task"]["limits"]["silenceSeconds"] = 0
    claim = await house.rig.claim(await house.rig.submit(some_job(plan)))
    await house.rig.start(claim)

    assert reason(await explained(house, claim)) == "SILENT"


async def test_a_lost_step_tells_when_it_starts_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_BACK_OFF", timedelta(seconds=30))
    claim = await house.running()
    await lose(house, claim)

    answer = await explained(house, claim)

    assert reason(answer) == "BACKING_OFF"
    assert (answer.running.losses, answer.running.max_attempts) == (1, 3)
    wait = answer.running.back_off_until.ToDatetime(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(seconds=10) < wait <= timedelta(seconds=30.1)


async def test_a_job_that_is_to_stop_tells_what_it_waits_for(house: House) -> None:
    claim = await house.rig.claim()
    await house.store.house(claim, workspace_id="j/1", runner_id="r1", incarnation="first")
    await house.rig.start(claim)
    await house.store.request_cancel(claim.job_id, by="ann", reason="enough")

    answer = await explained(house, claim)

    assert reason(answer) == "CANCELLING"
    assert answer.running.cancel_requested.by == "ann"
    assert "every process" in answer.running.cancel_waits_for
    house.fleet.reachable = False
    assert "cannot be reached" in (await explained(house, claim)).summary


async def test_a_job_that_lost_its_owner_waits_to_be_taken_over(house: House) -> None:
    claim = await house.rig.claim(term=EXPIRED)

    answer = await explained(house, claim)

    assert (reason(answer), answer.eligible) == ("OWNER_LOST", True)
    assert answer.running.lease_expired
    house.process = Process(driving=[claim.job_id], max_jobs=1)
    held = await explained(house, claim)
    assert [pb.StandingReason.Name(one.reason) for one in held.holds] == [
        "STANDING_REASON_LETTING_GO",
        "STANDING_REASON_MAX_JOBS",
    ]


async def test_a_job_that_lost_too_many_owners_is_about_to_be_given_up(house: House) -> None:
    job = await house.rig.submit()
    for _ in range(5):
        await house.rig.claim(job, term=EXPIRED)

    answer = await explained(house, job)

    assert not answer.eligible
    assert [pb.StandingReason.Name(one.reason) for one in answer.holds] == [
        "STANDING_REASON_POISONED"
    ]


async def test_a_job_that_was_given_up_tells_what_was_lost(house: House) -> None:
    claim = await house.running()
    await lose(house, claim)
    await house.rig.start(claim, attempt=2)
    await lose(house, claim)
    failure = Failure(Reason.RUNNER_LOST, "it was lost twice", "Look at the runners.", 0)
    await house.store.end(
        claim,
        ended("deadLettered"),
        state=JobState.DEAD_LETTER,
        outcome=JobOutcome.FAILED,
        failure=failure,
    )

    answer = await explained(house, claim)

    assert reason(answer) == "DEAD_LETTER"
    assert answer.ended.event.type == "job.deadLettered"
    assert answer.ended.failure.remedy == "Look at the runners."
    assert [one.type for one in answer.ended.losses] == ["task.step.lost"] * 2
    assert "it was lost twice" in answer.summary


@pytest.mark.parametrize("kind", ["succeeded", "failed"])
async def test_a_job_that_has_ended_tells_the_event_that_decided_it(
    house: House, kind: str
) -> None:
    claim = await house.rig.claim()
    await house.end(claim, kind)

    answer = await explained(house, claim)

    assert reason(answer) == kind.upper()
    assert not answer.eligible
    assert answer.ended.event.type == f"job.{kind}"
    assert answer.ended.event.sequence == (await house.job(claim.job_id)).last_sequence
    assert not answer.ended.losses


async def test_a_cancelled_job_says_so(house: House) -> None:
    job = await house.rig.submit()
    await house.store.request_cancel(job.job_id, by="ann", reason="")

    answer = await explained(house, job)

    assert reason(answer) == "CANCELLED"
    assert answer.ended.event.type == "job.cancelled"


async def test_to_ask_changes_nothing(house: House) -> None:
    claim = await house.running()
    before = await house.job(claim.job_id)

    await explained(house, claim)

    assert await house.job(claim.job_id) == before


async def test_no_job_has_this_id(house: House) -> None:
    refused = await refusal(house.stub.ExplainJob(pb.ExplainJobRequest(job_id="nothing")))

    assert isinstance(refused, NotFound)
    assert refused.reason == "JOB_NOT_FOUND"


def later() -> datetime:
    return (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)


async def lose(house: House, claim: Claim) -> None:
    await house.store.end_step(
        claim,
        fact("task.step.lost", step_index=0, why="its runner went away"),
        step_index=0,
        state=StepState.LOST,
        summary="",
        usage=None,
        artifacts=[],
    )
