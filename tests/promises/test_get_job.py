"""OrchestratorService.GetJob: each promise and status of the proto's comment."""

from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import NotFound
from tests.promises.orchestrator import House, refusal


async def test_it_reads_the_job_with_its_plan(house: House) -> None:
    submitted = (await house.submit()).job

    answer = await house.stub.GetJob(pb.GetJobRequest(job_id=submitted.job_id))

    assert answer.job == submitted
    assert answer.job.plan.steps


async def test_the_plan_may_be_left_out(house: House) -> None:
    submitted = (await house.submit()).job

    request = pb.GetJobRequest(job_id=submitted.job_id, without_plan=True)
    answer = await house.stub.GetJob(request)

    submitted.ClearField("plan")
    assert answer.job == submitted


async def test_no_job_has_this_id(house: House) -> None:
    refused = await refusal(house.stub.GetJob(pb.GetJobRequest(job_id="nothing")))

    assert isinstance(refused, NotFound)
    assert refused.reason == "JOB_NOT_FOUND"
