"""OrchestratorService.ListJobs: each promise and status of the proto's comment."""

import pytest

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import InvalidArgument
from tests.promises.orchestrator import House, refusal
from tests.support.jobs import some_plan


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


async def test_a_job_says_what_it_is_about_without_its_plan(house: House) -> None:
    house.contract.made = some_plan(instructions="Fix the queue.\nAll of it.", publish="none")
    await house.submit()

    (job,) = (await house.stub.ListJobs(pb.ListJobsRequest())).jobs

    assert (job.objective, job.publish_mode) == ("Fix the queue.", "none")


async def test_every_job_that_all_filters_take_is_on_one_of_the_pages_and_no_other(
    house: House,
) -> None:
    house.contract.made = some_plan(
        instructions="Fix the Billing queue.", step_skills=["speckit"], publish="pr"
    )
    wanted = [(await house.submit()).job.job_id for _ in range(3)]
    house.contract.made = some_plan(instructions="Fix billing.", step_skills=["speckit"])
    await house.submit()
    seen: list[str] = []
    token = ""

    while not seen or token:
        page = await house.stub.ListJobs(
            pb.ListJobsRequest(
                page_size=2,
                page_token=token,
                skill="speckit",
                publish_mode="pr",
                text="QUEUE bill",
            )
        )
        seen += [job.job_id for job in page.jobs]
        token = page.next_page_token

    assert seen == wanted[::-1]


async def test_text_is_looked_for_in_all_that_a_job_is_found_by(house: House) -> None:
    house.contract.made = some_plan(instructions="Sweep.\nMop.", titles=["Scrub"])
    made = (await house.submit()).job.job_id
    await house.rig.claim()  # another job, that is found by nothing of it

    for text in (made[-8:], "OWNER/repo", "mop", "scrub", "scrub sweep r/re"):
        answer = await house.stub.ListJobs(pb.ListJobsRequest(text=text))
        assert made in [job.job_id for job in answer.jobs], text
    assert not (await house.stub.ListJobs(pb.ListJobsRequest(text="mop %"))).jobs


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListJobsRequest(page_size=501), "page_size"),
        (pb.ListJobsRequest(page_size=-1), "page_size"),
        (pb.ListJobsRequest(page_token="made up"), "page_token"),
        (pb.ListJobsRequest(states=[job_pb2.JOB_STATE_UNSPECIFIED]), "states[0]"),
        (pb.ListJobsRequest(skill="Not an id"), "skill"),
        (pb.ListJobsRequest(skill="s" * 65), "skill"),
        (pb.ListJobsRequest(publish_mode="PR"), "publish_mode"),
        (pb.ListJobsRequest(text="x" * 201), "text"),
        (pb.ListJobsRequest(text="x " * 11), "text"),
    ],
    ids=[
        *("too big", "negative", "token", "state", "skill", "long skill", "publish mode"),
        *("long text", "many words"),
    ],
)
async def test_what_is_off_is_named(house: House, request_: pb.ListJobsRequest, field: str) -> None:
    refused = await refusal(house.stub.ListJobs(request_))

    assert isinstance(refused, InvalidArgument)
    assert refused.reason == "REQUEST_INVALID"
    assert [one.field for one in refused.violations] == [field]
