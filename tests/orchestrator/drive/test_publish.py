"""What is published of a result, and what is kept back."""

from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import JobOutcome, JobState
from tests.orchestrator.drive.house import House, plan
from tests.orchestrator.drive.scripts import nothing, writes


async def test_steps_that_change_nothing_publish_nothing(house: House) -> None:
    job_id = await house.submit(nothing)

    job = await house.ended(job_id)

    assert (job.state, job.outcome) == (JobState.SUCCEEDED, JobOutcome.NO_CHANGES)
    assert house.branches() == ["main"]
    assert "task.publish.skipped" in await house.types(job_id)


async def test_without_publishing_the_result_is_the_patch(house: House) -> None:
    job_id = await house.submit(writes("a"), request=plan(house.origin, steps=1, mode="none"))

    job = await house.ended(job_id)

    assert job.outcome is JobOutcome.PUBLISH_DISABLED
    assert house.branches() == ["main"]
    assert "b/a" in await house.text(job_id, "patches/changes.patch")


async def test_a_result_with_a_secret_ends_the_job_before_anything_is_pushed(
    house: House,
) -> None:
    token = "np" + "m_" + "q8Zr3LxT0vYp5WmK2sNd7BfJ4hGc9RtEaUiO"
    job_id = await house.submit(writes("notes.txt", f"token {token}\n"))

    job = await house.ended(job_id)

    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is Reason.SECRET_DETECTED
    assert "'notes.txt' (rule npm-token)" in job.failure.message
    assert house.branches() == ["main"]
    assert "task.publish.intentRecorded" not in await house.types(job_id)
    assert token not in repr((job, await house.events(job_id)))


async def test_a_changed_workflow_file_is_not_pushed_as_a_mere_branch(house: House) -> None:
    job_id = await house.submit(writes(".gitlab-ci.yml"))

    job = await house.ended(job_id)

    assert job.failure is not None
    assert job.failure.reason is Reason.RESULT_REJECTED
    assert "PAWL_WORKFLOW_CHANGES is draft" in job.failure.message
    assert house.branches() == ["main"]


async def test_cautions_are_kept_with_the_intent(house: House) -> None:
    job_id = await house.submit(writes("CODEOWNERS"))

    await house.ended(job_id)

    intent = next(e for e in await house.events(job_id) if e.type == "task.publish.intentRecorded")
    assert intent.payload["draftBecause"] == []
    assert intent.payload["cautions"] == ["It changes who has to review: 'CODEOWNERS'."]
