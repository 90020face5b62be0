"""What becomes of a job, from its claim to its end."""

import pytest

from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import JobOutcome, JobState
from tests.orchestrator.drive.house import House, plan
from tests.orchestrator.drive.scripts import dies, writes
from tests.support.repositories import git


async def test_three_steps_become_one_commit_on_one_branch(house: House) -> None:
    job_id = await house.submit(writes("a"), writes("b"), writes("c"))

    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.SUCCEEDED, JobOutcome.BRANCH)
    head = git(house.origin, "rev-parse", job.working_branch)
    assert head == job.published_commit
    assert git(house.origin, "rev-parse", f"{head}^") == house.base
    assert set(git(house.origin, "diff", "--name-only", house.base, head).split()) == set("abc")
    assert house.runner.started == [f"{job_id}/1/{index}" for index in range(3)]


async def test_the_events_tell_the_story_without_a_gap(house: House) -> None:
    job_id = await house.submit(writes("a"), writes("b"))

    await house.ended(job_id)

    events = await house.events(job_id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events] == [
        "job.submitted",
        "job.claimed",
        "task.stage.started",
        "task.git.defaultBranchResolved",
        "task.git.branchesResolved",
        "task.workspace.prepared",
        "task.stage.finished",
        "task.stage.started",
        "task.steps.plan",
        "task.step.started",
        "task.step.finished",
        "task.step.started",
        "task.step.finished",
        "task.stage.finished",
        "task.stage.started",
        "task.publish.intentRecorded",
        "task.publish.branchPushed",
        "task.stage.finished",
        "job.succeeded",
    ]


async def test_each_patch_holds_its_own_step(house: House) -> None:
    job_id = await house.submit(writes("a"), writes("b"))

    await house.ended(job_id)

    first = await house.text(job_id, "patches/steps/step-0000.patch")
    second = await house.text(job_id, "patches/steps/step-0001.patch")
    whole = await house.text(job_id, "patches/changes.patch")
    assert ("b/a" in first, "b/b" in first) == (True, False)
    assert ("b/a" in second, "b/b" in second) == (False, True)
    assert "b/a" in whole
    assert "b/b" in whole


@pytest.mark.parametrize(("there", "branch"), [("task", None), ("fix/a/b", "fix/a")])
async def test_a_branch_that_git_cannot_keep_is_refused_before_anything_runs(
    house: House, there: str, branch: str | None
) -> None:
    """The push found it out, after every step had run."""
    git(house.origin, "branch", there, "main")
    job_id = await house.submit(writes("a"), request=plan(house.origin, steps=1, branch=branch))

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_CONFLICT
    assert there in job.failure.message
    assert house.runner.runs == {}


async def test_a_taken_branch_is_refused_before_anything_runs(house: House) -> None:
    git(house.origin, "branch", "taken", "main")
    job_id = await house.submit(writes("a"), request=plan(house.origin, steps=1, branch="taken"))

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.PUBLISH_CONFLICT
    assert house.runner.started == []


async def test_every_workspace_is_closed_at_the_end(house: House) -> None:
    request = plan(house.origin, steps=2)
    job_id = await house.submit(writes("a"), dies, writes("b"), request=request)

    await house.ended(job_id)
    await house.tidied()
    await house.left(job_id)

    assert house.runner.closed == [f"{job_id}/1", f"{job_id}/2"]
    assert house.fleet.reserved == []
