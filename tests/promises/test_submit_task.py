"""OrchestratorService.SubmitTask: each promise and status of the proto's comment."""

import asyncio
from typing import Any

import pytest
from google.protobuf import struct_pb2

from pawl.v1 import job_pb2, task_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    Unavailable,
    Violation,
)
from services.orchestrator.store.store import opened
from tests.promises.orchestrator import PAYLOAD, House, refusal, struct
from tests.support.jobs import some_plan

OTHER = {"repository": "owner/repo", "task": {"instructions": "Something else."}}


async def test_the_job_is_on_disk_when_the_answer_is_ok(house: House) -> None:
    answer = await house.submit(priority=3, max_attempts=7, labels={"team": "core"})

    async with opened(f"sqlite:///{house.folder / 'jobs.db'}") as other:
        stored = await other.job(answer.job.job_id)
    assert stored is not None
    assert (stored.priority, stored.max_attempts, stored.labels) == (3, 7, {"team": "core"})


async def test_the_answer_has_the_job_with_its_plan(house: House) -> None:
    answer = await house.submit()

    job = answer.job
    assert not answer.replayed
    assert job.state == job_pb2.JOB_STATE_QUEUED
    assert job.max_attempts == 3
    assert job.plan.digest == house.contract.made.digest
    assert [step.prompt for step in job.plan.steps] == ["Do part 1.", "Do part 2."]
    assert job.job_id[14] == "7"
    assert house.submitted == [None]


async def test_ids_of_jobs_sort_by_their_time(house: House) -> None:
    ids = [(await house.submit()).job.job_id for _ in range(3)]

    assert len(set(ids)) == 3
    assert [one[:13] for one in ids] == sorted(one[:13] for one in ids)


async def test_asking_again_gives_the_same_job(house: House) -> None:
    first = await house.submit(request_id="r")

    second = await house.submit(request_id="r")

    assert second.replayed
    assert second.job == first.job
    assert house.submitted == [None]


async def test_asking_again_works_although_the_contract_is_away(house: House) -> None:
    first = await house.submit(request_id="r")
    house.contract.refusal = Unavailable("CONTRACT_UNAVAILABLE", "away")

    second = await house.submit(request_id="r")

    assert second.job.job_id == first.job.job_id


async def test_submits_that_race_under_one_id_make_one_job(house: House) -> None:
    async with asyncio.TaskGroup() as tasks:
        racing = [tasks.create_task(house.submit(request_id="r")) for _ in range(5)]

    assert len({one.result().job.job_id for one in racing}) == 1
    assert sum(not one.result().replayed for one in racing) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"payload": OTHER},
        {"priority": 1},
        {"max_attempts": 5},
        {"labels": {"team": "core"}},
    ],
    ids=["payload", "priority", "max_attempts", "labels"],
)
async def test_an_id_for_something_else_is_refused(house: House, other: dict[str, Any]) -> None:
    await house.submit(request_id="r")

    refused = await refusal(house.submit(request_id="r", **other))

    assert isinstance(refused, AlreadyExists)
    assert refused.reason == "REQUEST_ID_REUSED"


async def test_the_order_of_keys_does_not_make_another_payload(house: House) -> None:
    await house.submit({"a": 1, "b": 2}, request_id="r")

    assert (await house.submit({"b": 2, "a": 1}, request_id="r")).replayed


async def test_an_invalid_payload_creates_nothing(house: House) -> None:
    fault = Violation("task.instructions", "REQUIRED", "say what to do")
    house.contract.refusal = InvalidArgument([fault], reason="TASK_INVALID")

    refused = await refusal(house.submit())

    assert isinstance(refused, InvalidArgument)
    assert (refused.reason, refused.violations) == ("TASK_INVALID", (fault,))
    assert not (await house.stub.ListJobs(pb.ListJobsRequest())).jobs


async def test_every_fault_of_the_request_is_named(house: House) -> None:
    refused = await refusal(
        house.submit(
            request_id="a b",
            priority=1001,
            max_attempts=101,
            labels={"BIG": "x", "long": "x" * 257},
        )
    )

    assert isinstance(refused, InvalidArgument)
    assert refused.reason == "REQUEST_INVALID"
    assert [one.field for one in refused.violations] == [
        "request_id",
        "priority",
        "max_attempts",
        "labels['BIG']",
        "labels['long']",
    ]
    assert house.contract.asked == []


async def test_a_number_that_is_none_is_refused(house: House) -> None:
    payload = struct(PAYLOAD)
    payload.fields["odd"].CopyFrom(struct_pb2.Value(number_value=float("nan")))

    refused = await refusal(house.stub.SubmitTask(pb.SubmitTaskRequest(payload=payload)))

    assert isinstance(refused, InvalidArgument)
    assert [one.field for one in refused.violations] == ["payload"]


async def test_another_plan_than_the_expected_one_is_refused(house: House) -> None:
    refused = await refusal(house.submit(expected_digest="e" * 64))

    assert isinstance(refused, FailedPrecondition)
    assert refused.reason == "DIGEST_MISMATCH"
    assert not (await house.stub.ListJobs(pb.ListJobsRequest())).jobs


async def test_the_expected_plan_is_taken(house: House) -> None:
    assert (await house.submit(expected_digest=house.contract.made.digest)).job.job_id


async def test_warnings_name_the_capabilities_nobody_offers(house: House) -> None:
    house.contract.made = some_plan(capabilities=("codex", "git", "gh", "qdrant"))
    house.contract.warnings = [task_pb2.Warning(reason="UNKNOWN_FIELD", field="x")]

    answer = await house.submit()

    assert [one.reason for one in answer.warnings] == [
        "UNKNOWN_FIELD",
        "CAPABILITY_MISSING",
        "CAPABILITY_MISSING",
    ]
    assert "offers gh" in answer.warnings[1].description
    assert "offers qdrant" in answer.warnings[2].description
