"""OrchestratorService.ListJobs: each promise and status of the proto's comment."""

import pytest

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import InvalidArgument
from tests.promises.orchestrator import House, refusal


async def test_jobs_come_newest_first_without_plans(house: House) -> None:
    made = [(await house.submit()).job.job_id for _ in range(3)]

    answer = await house.stub.ListJobs(pb.ListJobsRequest())

    assert [job.job_id for job in answer.jobs] == made[::-1]
    assert not any(job.HasField("plan") for job in answer.jobs)
    assert answer.next_page_token == ""


async def test_pages_neither_repeat_nor_skip_a_job(house: House) -> None:
    made = [(await house.submit()).job.job_id for _ in range(5)]
    seen: list[str] = []
    page = await house.stub.ListJobs(pb.ListJobsRequest(page_size=2))
    seen += [job.job_id for job in page.jobs]

    await house.submit()
    while page.next_page_token:
        page = await house.stub.ListJobs(
            pb.ListJobsRequest(page_size=2, page_token=page.next_page_token)
        )
        seen += [job.job_id for job in page.jobs]

    assert seen == made[::-1]


async def test_filters_choose(house: House) -> None:
    wanted = (await house.submit(labels={"team": "core"})).job.job_id
    cancelled = (await house.submit(labels={"team": "core"})).job.job_id
    await house.stub.CancelJob(pb.CancelJobRequest(job_id=cancelled))
    await house.submit()

    answer = await house.stub.ListJobs(
        pb.ListJobsRequest(
            states=[job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING],
            runtime="codex",
            repository="owner/repo",
            label="team=core",
        )
    )

    assert [job.job_id for job in answer.jobs] == [wanted]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListJobsRequest(page_size=501), "page_size"),
        (pb.ListJobsRequest(page_size=-1), "page_size"),
        (pb.ListJobsRequest(page_token="made up"), "page_token"),
        (pb.ListJobsRequest(states=[job_pb2.JOB_STATE_UNSPECIFIED]), "states[0]"),
    ],
    ids=["too big", "negative", "token", "state"],
)
async def test_what_is_off_is_named(house: House, request_: pb.ListJobsRequest, field: str) -> None:
    refused = await refusal(house.stub.ListJobs(request_))

    assert isinstance(refused, InvalidArgument)
    assert refused.reason == "REQUEST_INVALID"
    assert [one.field for one in refused.violations] == [field]
