"""OrchestratorService.GetHistory: each promise and status of the proto's comment."""

from datetime import timedelta
from itertools import pairwise

import pytest
from google.protobuf.duration_pb2 import Duration

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import InvalidArgument
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import JobState
from tests.orchestrator.store.aging import aged
from tests.orchestrator.store.past import Past, clock, put
from tests.promises.orchestrator import House, refusal

DAY = timedelta(days=1)
"""As long as a bucket may be, so that no test sees two of them begin."""


async def history(house: House, *, length: timedelta = DAY, buckets: int = 3) -> pb.HistoryBucket:
    """All buckets as one, for what is counted only."""
    answer = await house.stub.GetHistory(
        pb.GetHistoryRequest(bucket_length=length, buckets=buckets)
    )
    whole = pb.HistoryBucket(submitted_jobs=sum(one.submitted_jobs for one in answer.buckets))
    for one in answer.buckets:
        whole.ended.extend(one.ended)
        if one.HasField("took"):
            whole.took.CopyFrom(one.took)
        if one.HasField("waited"):
            whole.waited.CopyFrom(one.waited)
    return whole


def counts(bucket: pb.HistoryBucket) -> dict[str, int]:
    return {job_pb2.JobState.Name(one.state): one.jobs for one in bucket.ended}


async def failed(house: House) -> Claim:
    claim = await house.rig.claim()
    await house.end(claim, "failed")
    return claim


async def test_buckets_follow_one_another_from_multiples_of_their_length(house: House) -> None:
    length = timedelta(minutes=7)

    answer = await house.stub.GetHistory(pb.GetHistoryRequest(bucket_length=length, buckets=9))

    starts = [one.start_time.ToNanoseconds() for one in answer.buckets]
    wide = length // timedelta(microseconds=1) * 1000
    assert [later - one for one, later in pairwise(starts)] == [wide] * 8
    assert starts[0] % wide == 0
    assert starts[-1] <= answer.time.ToNanoseconds() < starts[-1] + wide
    assert answer.bucket_length.ToTimedelta() == length


async def test_a_day_by_hours_is_told_where_nothing_else_is_asked_for(house: House) -> None:
    answer = await house.stub.GetHistory(pb.GetHistoryRequest())

    assert len(answer.buckets) == 24
    assert answer.bucket_length.ToTimedelta() == timedelta(hours=1)


async def test_jobs_are_counted_as_submitted_and_as_ended(house: House) -> None:
    await house.end(await house.rig.claim())
    await failed(house)
    await house.rig.submit()

    found = await history(house)

    assert found.submitted_jobs == 3
    assert counts(found) == {"JOB_STATE_SUCCEEDED": 1, "JOB_STATE_FAILED": 1}


async def test_a_job_that_was_opened_again_has_not_ended(house: House) -> None:
    claim = await failed(house)
    await house.stub.RetryJob(pb.RetryJobRequest(job_id=claim.job_id))

    assert counts(await history(house)) == {}


async def test_a_job_is_counted_when_what_it_left_was_removed_for_its_age(house: House) -> None:
    claim = await failed(house)
    await aged(house.store, claim.job_id, end_time=timedelta(days=100))
    await house.collector.round()
    assert (await house.job(claim.job_id)).artifacts_removed is not None

    assert counts(await history(house, buckets=200)) == {"JOB_STATE_FAILED": 1}


async def test_a_job_that_was_never_claimed_has_no_length(house: House) -> None:
    waits = await house.rig.submit()
    await house.stub.CancelJob(pb.CancelJobRequest(job_id=waits.job_id))

    found = await history(house)

    assert counts(found) == {"JOB_STATE_CANCELLED": 1}
    assert not found.HasField("took")
    assert not found.HasField("waited")


async def test_lengths_are_from_opening_to_claim_and_from_claim_to_end(house: House) -> None:
    time, second = await clock(house.store), 1_000_000
    taken = (1, 2, 3, 4, 5, 6, 7, 8, 9, 100)
    await put(
        house.store,
        [
            Past(
                create_time=time - 200 * second,
                opened_time=time - (took + 10 * took) * second,
                start_time=time - took * second,
                end_time=time,
                state=JobState.SUCCEEDED,
            )
            for took in taken
        ],
    )

    found = await history(house)

    def spread(lengths: pb.Lengths) -> list[int]:
        return [one.seconds for one in (lengths.p50, lengths.p90, lengths.max)]

    assert spread(found.took) == [5, 9, 100]
    assert spread(found.waited) == [50, 90, 1000]
    assert (found.took.jobs, found.took.sampled_jobs) == (10, 10)


async def test_quantiles_of_very_many_jobs_are_of_the_newest(house: House) -> None:
    """In 200 buckets, 50 jobs of each are looked at."""
    time, second = await clock(house.store), 1_000_000
    begin = time // (DAY // timedelta(microseconds=1)) * (DAY // timedelta(microseconds=1))
    await put(
        house.store,
        [
            Past(
                create_time=begin,
                opened_time=begin,
                start_time=begin + number - (900 if number < 100 else 1) * second,
                end_time=begin + number,
                state=JobState.FAILED,
            )
            for number in range(350)
        ],
    )

    found = await history(house, buckets=200)

    assert (found.took.jobs, found.took.sampled_jobs) == (350, 50)
    assert (found.took.p90.seconds, found.took.max.seconds) == (1, 900)
    assert counts(found) == {"JOB_STATE_FAILED": 350}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.GetHistoryRequest(bucket_length=Duration()), "bucket_length"),
        (pb.GetHistoryRequest(bucket_length=Duration(seconds=-1)), "bucket_length"),
        (pb.GetHistoryRequest(bucket_length=Duration(seconds=86_401)), "bucket_length"),
        (pb.GetHistoryRequest(bucket_length=Duration(seconds=2**62)), "bucket_length"),
        (pb.GetHistoryRequest(bucket_length=Duration(seconds=1, nanos=5)), "bucket_length"),
        (pb.GetHistoryRequest(buckets=201), "buckets"),
        (pb.GetHistoryRequest(buckets=-1), "buckets"),
    ],
    ids=["empty", "negative", "over a day", "endless", "broken", "too many", "fewer than none"],
)
async def test_buckets_that_are_off_are_refused(
    house: House, request_: pb.GetHistoryRequest, field: str
) -> None:
    refused = await refusal(house.stub.GetHistory(request_))

    assert isinstance(refused, InvalidArgument)
    assert refused.reason == "REQUEST_INVALID"
    assert [one.field for one in refused.violations] == [field]
