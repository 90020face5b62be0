"""Between what became of jobs and the messages clients see."""

from datetime import timedelta

from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.storage import span
from services.orchestrator import convert, requests
from services.orchestrator.jobs.history import Bucket, History, Lengths

LENGTH = timedelta(hours=1)
BUCKETS = 24


def asked(request: pb.GetHistoryRequest) -> tuple[timedelta, int]:
    """How long each bucket is, and how many there are. Raises InvalidArgument."""
    given = request.bucket_length if request.HasField("bucket_length") else None
    requests.check(
        requests.of_history(
            length=(given.seconds, given.nanos) if given else None, buckets=request.buckets
        )
    )
    return timedelta(seconds=given.seconds) if given else LENGTH, request.buckets or BUCKETS


def history_to_message(history: History) -> pb.GetHistoryResponse:
    """What became of jobs."""
    return pb.GetHistoryResponse(
        time=convert.stamp(history.now),
        bucket_length=span(history.length),
        buckets=[_bucket(one) for one in history.buckets],
    )


def _bucket(bucket: Bucket) -> pb.HistoryBucket:
    return pb.HistoryBucket(
        start_time=convert.stamp(bucket.start),
        submitted_jobs=bucket.submitted,
        ended=[
            pb.EndedCount(state=convert.STATES[state], jobs=jobs)
            for state, jobs in bucket.ended.items()
        ],
        took=_lengths(bucket.took),
        waited=_lengths(bucket.waited),
    )


def _lengths(lengths: Lengths | None) -> pb.Lengths | None:
    if lengths is None:
        return None
    return pb.Lengths(
        jobs=lengths.jobs,
        sampled_jobs=lengths.sampled,
        p50=span(lengths.p50),
        p90=span(lengths.p90),
        max=span(lengths.longest),
    )
