"""What is told of a job beyond what the calls promise: sentences, and what seldom comes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.orchestrator.jobs.claim import Candidate
from services.orchestrator.jobs.eligibility import Process
from services.orchestrator.jobs.explain import explain
from services.orchestrator.jobs.explanation import (
    Explanation,
    Running,
    StandingReason,
    span,
)
from services.orchestrator.jobs.job import (
    CancelRequest,
    Event,
    Job,
    JobId,
    JobState,
    Step,
    StepState,
)
from services.orchestrator.jobs.plan import PublishMode, Stage
from services.orchestrator.jobs.runners import KnownRunner, RunnerDescription
from services.orchestrator.jobs.standing import Standing
from tests.support.jobs import some_plan

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JOB = JobId("job")
STEP = Step(
    index=0,
    id="step-1",
    title="",
    state=StepState.RUNNING,
    attempt=1,
    run_id="job/1/0",
    runner_id="r1",
    start_time=NOW - timedelta(minutes=5),
)


def event(type_: str = "job.submitted", **payload: str) -> Event:
    return Event(
        job_id=JOB,
        sequence=1,
        create_time=NOW - timedelta(seconds=75),
        type=type_,
        attempt=1,
        stage=None,
        step_index=None,
        message="The job was submitted.",
        payload=payload,
    )


def a_job(state: JobState, *steps: Step, **changes: object) -> Job:
    job = Job(
        job_id=JOB,
        principal="local",
        request_id="",
        state=state,
        outcome=None,
        failure=None,
        plan=some_plan(),
        repository="owner/repo",
        runtime="codex",
        objective="Make it better.",
        publish_mode=PublishMode.BRANCH,
        capabilities=("codex", "git"),
        priority=0,
        attempt=1,
        max_attempts=3,
        losses=0,
        spent=None,
        labels={},
        not_before=None,
        cancel_requested=None,
        create_time=NOW - timedelta(hours=1),
        start_time=None,
        end_time=None,
        stage=Stage.EXECUTE if steps else None,
        steps=steps or (Step(index=0, id="step-1", title=""),),
        default_branch="",
        base_commit="",
        working_branch="",
        published_commit="",
        pull_request_url="",
        last_sequence=1,
        epoch=0,
        workspace_id="",
        workspace_count=0,
        runner_id="",
        incarnation="",
    )
    return replace(job, **changes)  # type: ignore[arg-type]


def standing(job: Job, *, claimable: bool = True, room: int | None = None) -> Standing:
    running = job.state is JobState.RUNNING
    return Standing(
        job=job,
        candidate=Candidate(
            job_id=job.job_id,
            state=job.state,
            capabilities=job.capabilities,
            runner_id=job.runner_id,
            repository=job.repository,
            room=room,
            claimable=claimable,
        ),
        now=NOW,
        owner="me" if running else "",
        lease_until=NOW + timedelta(seconds=20) if running else None,
        lease_expired=running and claimable,
        poisoned=False,
        overdue=False,
        queue_deadline=None,
        queued_time=job.create_time,
        output_time=None,
        ahead=0,
        repository_running=0,
        neighbours=(),
        last=event(),
        queued_by=event(),
        losses=(),
    )


def runner(*workspaces: str, free: int = 0, name: str = "r1") -> KnownRunner:
    said = RunnerDescription(
        runner_id=name,
        incarnation="first",
        capabilities=("codex",),
        runtimes=(),
        slots=2,
        free_slots=free,
        isolation="process",
        draining=False,
        workspace_ids=workspaces,
    )
    return KnownRunner(target=f"{name}:1", reachable=True, description=said, free_slots=free)


def told(about: Standing, *known: KnownRunner, process: Process | None = None) -> Explanation:
    return explain(
        about,
        known,
        own=frozenset({"git"}),
        process=process or Process(max_jobs=64),
        here="me",
    )


def test_without_any_runner_there_is_nobody_to_take_a_job() -> None:
    answer = told(standing(a_job(JobState.QUEUED)))

    assert answer.reason is StandingReason.NO_RUNNER
    assert answer.summary == "It waits: no runner is known."


def test_the_next_one_and_those_behind_it_are_told_apart() -> None:
    first = standing(a_job(JobState.QUEUED))

    assert told(first, runner(free=1)).summary == "It is the next one to be claimed."
    behind = told(replace(first, ahead=4), runner(free=1))
    assert behind.summary == "It is claimed after 4 others."


def test_of_many_jobs_that_hold_slots_three_are_named() -> None:
    first, second = runner("a/1", "b/1"), runner("c/2", "d/1", "a/2", name="r2")

    answer = told(standing(a_job(JobState.QUEUED)), first, second)

    assert answer.summary == ("It waits: every slot it fits in is taken, by a, b, c and 2 more.")


def test_slots_that_are_promised_only_are_taken_by_nobody_known() -> None:
    answer = told(standing(a_job(JobState.QUEUED)), runner())

    assert answer.summary == "It waits: every slot it fits in is taken."


def test_a_retried_job_that_has_to_settle_says_that_it_was_retried() -> None:
    job = a_job(JobState.QUEUED, not_before=NOW + timedelta(minutes=1))
    about = replace(standing(job, claimable=False), queued_by=event("job.retried"))

    answer = told(about, runner(free=1))

    assert answer.reason is StandingReason.NOT_BEFORE
    assert "2026-01-02 03:05:05 UTC (The job was submitted)" in answer.summary


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (a_job(JobState.RUNNING), "It begins; heard last 75 s ago."),
        (
            a_job(JobState.RUNNING, STEP, stage=Stage.PUBLISH),
            "It is in its stage publish; heard last 75 s ago.",
        ),
        (
            a_job(JobState.RUNNING, replace(STEP, state=StepState.SUCCEEDED)),
            "It is between two steps; heard last 75 s ago.",
        ),
        (
            a_job(JobState.RUNNING, STEP),
            "It runs step 0 (attempt 1) on r1, silent for 75 s of the 15 min it may be.",
        ),
    ],
    ids=["begins", "publishes", "between", "silent"],
)
def test_what_a_running_job_does_is_one_sentence(job: Job, sentence: str) -> None:
    if job.stage is Stage.PUBLISH:
        job = replace(job, steps=(replace(STEP, state=StepState.SUCCEEDED),))

    answer = told(standing(job, claimable=False))

    assert answer.summary == sentence
    assert not answer.eligible


def test_output_breaks_the_silence() -> None:
    about = standing(a_job(JobState.RUNNING, STEP), claimable=False)

    answer = told(replace(about, output_time=NOW - timedelta(seconds=2)))

    assert answer.reason is StandingReason.WORKING
    assert isinstance(answer.about, Running)
    assert answer.about.silent_for == timedelta(seconds=2)


def test_a_loss_that_was_nobodys_fault_is_followed_by_no_pause() -> None:
    lost = replace(STEP, state=StepState.LOST, end_time=NOW)

    answer = told(standing(a_job(JobState.RUNNING, lost), claimable=False))

    assert answer.reason is StandingReason.WORKING


def test_a_job_that_is_to_stop_and_has_no_owner_waits_for_one() -> None:
    asked = CancelRequest(time=NOW, by="ann", reason="")
    job = a_job(JobState.RUNNING, STEP, cancel_requested=asked)

    answer = told(standing(job))

    assert answer.reason is StandingReason.OWNER_LOST
    assert answer.eligible
    assert isinstance(answer.about, Running)
    assert "to take the job over" in answer.about.cancel_waits_for


def test_what_keeps_a_lost_job_from_being_taken_over_is_told() -> None:
    answer = told(
        standing(a_job(JobState.RUNNING, STEP)),
        process=Process(driving=[JobId("other")], max_jobs=1),
    )

    assert answer.summary.endswith("Until then this orchestrator drives 1 of the 1 jobs it may.")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h")],
)
def test_spans_are_told_as_people_say_them(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words
