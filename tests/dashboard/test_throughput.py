"""What the page of the queue makes of what the orchestrator tells of the past."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from pawl.client import GetHistoryResponse, HistoryBucket, JobState, Lengths
from pawl.v1 import orchestrator_pb2 as pb
from services.dashboard.histories import DAY
from services.dashboard.throughput import Throughput, throughput

BEGIN = datetime(2026, 11, 28, 12, tzinfo=UTC)


def at(bucket: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(BEGIN + bucket * DAY.bucket)
    return stamp


def spread(half: int, most: int, longest: int, *, jobs: int = 3, sampled: int = 3) -> Lengths:
    return Lengths(
        jobs=jobs,
        sampled_jobs=sampled,
        p50=timedelta(seconds=half),
        p90=timedelta(seconds=most),
        max=timedelta(seconds=longest),
    )


def told(*buckets: HistoryBucket) -> Throughput:
    for number, bucket in enumerate(buckets):
        bucket.start_time.CopyFrom(at(number))
    return throughput(DAY, GetHistoryResponse(buckets=buckets))


def busy() -> HistoryBucket:
    return HistoryBucket(
        submitted_jobs=4,
        ended=[
            pb.EndedCount(state=JobState.JOB_STATE_SUCCEEDED, jobs=2),
            pb.EndedCount(state=JobState.JOB_STATE_FAILED, jobs=1),
            pb.EndedCount(state=JobState.JOB_STATE_DEAD_LETTER, jobs=1),
        ],
        took=spread(60, 300, 4000),
        waited=spread(1, 2, 3),
    )


def test_jobs_are_counted_by_how_they_ended() -> None:
    found = told(HistoryBucket(), busy(), busy())

    assert found.submitted == 8
    assert found.ended == {"succeeded": 4, "failed": 4, "cancelled": 0}


def test_a_job_that_was_given_up_has_failed() -> None:
    assert told(busy()).rows[0].ended["failed"] == 2


def test_numbers_begin_with_the_newest_and_leave_out_what_is_idle() -> None:
    found = told(busy(), HistoryBucket(), busy())

    assert [one.begin for one in found.busy] == [BEGIN + 2 * DAY.bucket, BEGIN]


def test_what_is_not_known_is_not_drawn() -> None:
    cancelled = pb.EndedCount(state=JobState.JOB_STATE_CANCELLED, jobs=1)
    found = told(HistoryBucket(ended=[cancelled]))

    assert not found.jobs.empty
    assert found.took.empty
    assert found.took.longest == ""
    assert found.busy[0].took is None


def test_the_longest_of_all_is_told_though_the_plot_ends_below_it() -> None:
    found = told(busy(), HistoryBucket())

    assert found.took.longest == "1 h 06 m"
    assert [one.text for one in found.took.numbers] == ["0", "2 m", "4 m", "6 m"]


def test_a_plot_tells_of_each_bucket_in_words() -> None:
    found = told(HistoryBucket(), busy())

    assert [(one.place.x, one.text) for one in found.jobs.told] == [
        ("50%", "2 succeeded, 2 failed, 4 submitted")
    ]
    assert [one.text for one in found.waited.told] == [
        "half within 1 s, nine in ten within 2 s, longest 3 s; of 3"
    ]


def test_quantiles_of_some_alone_are_said_to_be_that() -> None:
    some = HistoryBucket(took=spread(1, 1, 1, jobs=400, sampled=357))

    assert told(some).sampled
    assert not told(busy()).sampled


def test_the_axis_ends_where_the_bucket_under_way_does() -> None:
    found = told(HistoryBucket(), HistoryBucket())

    assert (found.begin, found.end) == (BEGIN, BEGIN + 2 * DAY.bucket)


def test_an_answer_without_buckets_is_an_empty_plot() -> None:
    found = told()

    assert (found.begin, found.end, found.busy) == (None, None, [])
    assert found.jobs.empty
