"""OrchestratorService.CancelJob: each promise and status of the proto's comment.

That a running job is CANCELLED within 26 s is its driver's promise, and proven there.
"""

import json

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import FailedPrecondition, InvalidArgument, NotFound
from services.orchestrator.jobs.paths import RECEIPT
from tests.orchestrator.store.claiming import PUBLICATION
from tests.promises.orchestrator import House, refusal
from tests.support.jobs import TERM


def asking(job_id: str, reason: str = "enough") -> pb.CancelJobRequest:
    """A cancel request."""
    return pb.CancelJobRequest(job_id=job_id, reason=reason)


async def test_a_queued_job_is_cancelled_when_the_answer_arrives(house: House) -> None:
    job_id = (await house.submit()).job.job_id

    answer = await house.stub.CancelJob(asking(job_id))

    assert answer.job.state == job_pb2.JOB_STATE_CANCELLED
    assert answer.job.outcome == job_pb2.JOB_OUTCOME_CANCELLED
    assert not answer.job.HasField("plan")
    stored = await house.job(job_id)
    assert await house.store.claim(stored.job_id, owner="me", term=TERM) is None


async def test_a_job_that_was_queued_has_a_receipt_of_nothing(house: House) -> None:
    job_id = (await house.submit()).job.job_id

    await house.stub.CancelJob(asking(job_id))

    read = house.stub.ReadArtifact(pb.ReadArtifactRequest(job_id=job_id, path=RECEIPT))
    kept = json.loads(b"".join([piece.data async for piece in read]))
    assert (kept["runId"], kept["reason"], kept["survivors"]) == ("", "enough", [])
    events = await house.store.events(job_id, after=0, limit=10)
    assert events[-1].payload["receipt"]["survivors"] == []


async def test_the_owner_of_a_running_job_is_told_at_once(house: House) -> None:
    claim = await house.running()

    answer = await house.stub.CancelJob(asking(claim.job_id))

    assert answer.job.state == job_pb2.JOB_STATE_RUNNING
    assert (answer.job.cancel_requested.by, answer.job.cancel_requested.reason) == (
        "local",
        "enough",
    )
    assert house.cancelled == [claim.job_id]


async def test_asking_again_gives_the_first_request_back(house: House) -> None:
    claim = await house.running()
    first = await house.stub.CancelJob(asking(claim.job_id))

    again = await house.stub.CancelJob(asking(claim.job_id, "still"))

    assert again == first


async def test_asking_about_a_cancelled_job_changes_nothing(house: House) -> None:
    job_id = (await house.submit()).job.job_id
    first = await house.stub.CancelJob(asking(job_id))

    assert await house.stub.CancelJob(asking(job_id, "again")) == first


async def test_no_job_has_this_id(house: House) -> None:
    refused = await refusal(house.stub.CancelJob(asking("nothing")))

    assert isinstance(refused, NotFound)
    assert refused.reason == "JOB_NOT_FOUND"


async def test_it_is_too_late_once_the_result_is_being_published(house: House) -> None:
    claim = await house.running()
    await house.store.intend(claim, PUBLICATION)

    refused = await refusal(house.stub.CancelJob(asking(claim.job_id)))

    assert isinstance(refused, FailedPrecondition)
    assert refused.reason == "TOO_LATE"
    assert house.cancelled == []


async def test_a_job_that_ended_before_cannot_be_cancelled(house: House) -> None:
    claim = await house.running()
    await house.end(claim)

    refused = await refusal(house.stub.CancelJob(asking(claim.job_id)))

    assert isinstance(refused, FailedPrecondition)
    assert refused.reason == "JOB_ENDED"


async def test_a_reason_that_is_too_long_is_refused(house: House) -> None:
    refused = await refusal(house.stub.CancelJob(asking("any", "x" * 1001)))

    assert isinstance(refused, InvalidArgument)
    assert [one.field for one in refused.violations] == ["reason"]
