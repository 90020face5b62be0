"""OrchestratorService.RetryJob: each promise and status of the proto's comment."""

from datetime import timedelta

import pytest

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.job import JobOutcome, JobState, StepState
from services.orchestrator.jobs.plan import Stage
from tests.orchestrator.store.claiming import PUBLICATION, an_artifact, ended
from tests.promises.orchestrator import House, refusal
from tests.support.jobs import TERM, fact

FAILURE = Failure(Reason.AGENT_EXIT, "it ended with 7", "Read the log.", 1)


async def failed(house: House) -> Claim:
    """A job whose second step failed, with what that left."""
    claim = await house.running()
    await house.rig.finish(claim)
    await house.store.enter(claim, Stage.EXECUTE)
    await house.rig.start(claim, step_index=1)
    await house.store.end_step(
        claim,
        fact("task.step.failed", step_index=1),
        step_index=1,
        state=StepState.FAILED,
        summary="no",
        usage=None,
        artifacts=[an_artifact("logs/steps/step-0001.log")],
    )
    await house.store.keep(claim, [an_artifact("logs/execute.log")])
    await house.store.end(
        claim,
        ended("failed"),
        state=JobState.FAILED,
        outcome=JobOutcome.FAILED,
        failure=FAILURE,
    )
    return claim


def asking(job_id: str, from_step: int | None = None, ended_attempt: int = 0) -> pb.RetryJobRequest:
    """A request to open a job again."""
    return pb.RetryJobRequest(job_id=job_id, from_step_index=from_step, ended_attempt=ended_attempt)


async def test_the_job_is_queued_when_the_answer_arrives(house: House) -> None:
    claim = await failed(house)

    answer = await house.stub.RetryJob(asking(claim.job_id))

    job = answer.job
    assert (job.state, job.outcome, job.attempt) == (job_pb2.JOB_STATE_QUEUED, 0, 2)
    assert not job.HasField("failure")
    assert not job.HasField("end_time")
    assert not job.HasField("plan")
    assert (await house.rig.types(claim))[-1] == "job.retried"
    assert len(house.submitted) == 1
    assert await house.store.claim(claim.job_id, owner="me", term=TERM) is not None


async def test_steps_before_are_not_run_again(house: House) -> None:
    claim = await failed(house)

    await house.stub.RetryJob(asking(claim.job_id))

    job = await house.job(claim.job_id)
    assert job.cursor == 1
    assert [step.state for step in job.steps][:2] == [StepState.SUCCEEDED, StepState.PENDING]
    assert job.steps[0].checkpoint_commit == "0" * 40


async def test_an_earlier_step_can_be_chosen(house: House) -> None:
    claim = await failed(house)

    await house.stub.RetryJob(asking(claim.job_id, 0))

    job = await house.job(claim.job_id)
    assert job.cursor == 0
    assert job.steps[0].checkpoint_commit == ""


async def test_what_earlier_attempts_left_is_below_their_numbers(house: House) -> None:
    claim = await failed(house)

    await house.stub.RetryJob(asking(claim.job_id))

    paths = [one.path for one in await house.store.artifacts(claim.job_id)]
    assert paths == [
        "attempts/1/logs/execute.log",
        "attempts/1/logs/steps/step-0001.log",
        "logs/steps/step-0000.log",
    ]


async def test_what_is_recorded_for_publishing_stays(house: House) -> None:
    claim = await house.running()
    for index in range(2):
        if index:
            await house.rig.start(claim, step_index=index)
        await house.rig.finish(claim, step_index=index)
    await house.store.enter(claim, Stage.PUBLISH)
    await house.store.intend(claim, PUBLICATION)
    await house.store.end(
        claim, ended("failed"), state=JobState.FAILED, outcome=JobOutcome.FAILED, failure=FAILURE
    )

    refused = await refusal(house.stub.RetryJob(asking(claim.job_id, 1)))
    answer = await house.stub.RetryJob(asking(claim.job_id))

    assert isinstance(refused, FailedPrecondition)
    assert refused.reason == "INTENT_RECORDED"
    assert answer.job.stage == 3
    assert await house.store.publication(claim.job_id) == PUBLICATION


async def test_asking_again_after_a_lost_answer_changes_nothing(house: House) -> None:
    claim = await failed(house)
    first = await house.stub.RetryJob(asking(claim.job_id, ended_attempt=1))

    again = await house.stub.RetryJob(asking(claim.job_id, ended_attempt=1))

    assert again == first
    assert (await house.rig.types(claim)).count("job.retried") == 1


async def test_another_attempt_than_the_callers_ended_last(house: House) -> None:
    claim = await failed(house)

    refused = await refusal(house.stub.RetryJob(asking(claim.job_id, ended_attempt=7)))

    assert isinstance(refused, Aborted)
    assert refused.reason == "ATTEMPT_MOVED"


async def test_a_step_that_cannot_come_next_is_refused(house: House) -> None:
    claim = await failed(house)

    refused = await refusal(house.stub.RetryJob(asking(claim.job_id, 2)))

    assert isinstance(refused, InvalidArgument)
    assert [one.field for one in refused.violations] == ["from_step_index"]
    assert await house.rig.state(claim) is JobState.FAILED
    assert (await house.rig.types(claim))[-1] == "job.failed"


async def test_no_job_has_this_id(house: House) -> None:
    refused = await refusal(house.stub.RetryJob(asking("nothing")))

    assert isinstance(refused, NotFound)
    assert refused.reason == "JOB_NOT_FOUND"


async def test_a_job_that_has_not_ended_is_left_alone(house: House) -> None:
    claim = await house.running()

    refused = await refusal(house.stub.RetryJob(asking(claim.job_id)))

    assert isinstance(refused, FailedPrecondition)
    assert refused.reason == "JOB_NOT_ENDED"


async def test_a_job_that_was_asked_to_stop_is_not_opened_again(house: House) -> None:
    claim = await house.running()
    await house.store.request_cancel(claim.job_id, by="me", reason="")
    await house.store.end(
        claim, ended("failed"), state=JobState.FAILED, outcome=JobOutcome.FAILED, failure=FAILURE
    )

    refused = await refusal(house.stub.RetryJob(asking(claim.job_id)))

    assert isinstance(refused, FailedPrecondition)
    assert refused.reason == "CANCEL_REQUESTED"


async def test_a_job_whose_checkpoints_are_kept_no_more_is_not_opened_again(house: House) -> None:
    claim = await failed(house)
    await house.store.give_up_checkpoints(older_than=timedelta(seconds=-60), limit=1)

    refused = await refusal(house.stub.RetryJob(asking(claim.job_id)))

    assert isinstance(refused, FailedPrecondition)
    assert refused.reason == "CHECKPOINT_GONE"
    assert await house.rig.state(claim) is JobState.FAILED


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.CANCELLED])
async def test_a_job_that_ended_as_it_should_is_not_opened_again(
    house: House, state: JobState
) -> None:
    claim = await house.running()
    await house.store.end(claim, ended(), state=state, outcome=JobOutcome.NO_CHANGES, failure=None)

    refused = await refusal(house.stub.RetryJob(asking(claim.job_id)))

    assert isinstance(refused, FailedPrecondition)
    assert refused.reason == "JOB_ENDED"


async def test_a_watch_goes_on_through_every_life(house: House) -> None:
    claim = await failed(house)
    await house.stub.RetryJob(asking(claim.job_id))
    again = await house.rig.claim(await house.job(claim.job_id))
    await house.store.end(
        again, ended(), state=JobState.SUCCEEDED, outcome=JobOutcome.NO_CHANGES, failure=None
    )

    watch = house.stub.WatchJob(pb.WatchJobRequest(job_id=claim.job_id))
    seen = [one.event.type async for one in watch if one.HasField("event")]

    assert seen == await house.rig.types(claim)
    assert [kind for kind in seen if kind in {"job.failed", "job.retried", "job.succeeded"}] == [
        "job.failed",
        "job.retried",
        "job.succeeded",
    ]
