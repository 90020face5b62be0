"""What a service keeps, as it travels."""

from datetime import UTC, datetime, timedelta

from google.protobuf import duration_pb2, timestamp_pb2

from pawl.storage import Collection, Concern, Disk, Removed, Storage, Use
from pawl.v1 import job_pb2


def to_message(storage: Storage) -> job_pb2.Storage:
    """For whoever asked."""
    return job_pb2.Storage(
        time=_stamp(storage.time),
        uses=[
            job_pb2.StorageUse(
                kind=use.kind,
                count=use.count,
                size_bytes=use.size_bytes,
                oldest_time=_stamp(use.oldest),
                retention=span(use.retention),
                limit_bytes=use.limit_bytes,
            )
            for use in storage.uses
        ],
        disks=[
            job_pb2.Disk(kinds=disk.kinds, size_bytes=disk.size_bytes, free_bytes=disk.free_bytes)
            for disk in storage.disks
        ],
        last_collection=_collection(storage.last),
        collection_interval=span(storage.round),
        git_version=storage.git_version,
        warnings=[
            job_pb2.StorageWarning(
                reason=one.reason, message=one.message, remedy=one.remedy, grave=one.grave
            )
            for one in storage.concerns
        ],
    )


def _collection(last: Collection | None) -> job_pb2.Collection | None:
    if last is None:
        return None
    return job_pb2.Collection(
        start_time=_stamp(last.start),
        end_time=_stamp(last.end),
        removals=[
            job_pb2.Removal(kind=one.kind, count=one.count, size_bytes=one.size_bytes)
            for one in last.removed
        ],
        problem=last.problem,
    )


def from_message(message: job_pb2.Storage) -> Storage:
    """What another service told."""
    last = message.last_collection
    return Storage(
        time=_time(message.time),
        git_version=message.git_version,
        uses=tuple(
            Use(
                kind=use.kind,
                count=use.count,
                size_bytes=use.size_bytes,
                oldest=_time(use.oldest_time) if use.HasField("oldest_time") else None,
                retention=use.retention.ToTimedelta() if use.HasField("retention") else None,
                limit_bytes=use.limit_bytes,
            )
            for use in message.uses
        ),
        disks=tuple(
            Disk(kinds=tuple(disk.kinds), size_bytes=disk.size_bytes, free_bytes=disk.free_bytes)
            for disk in message.disks
        ),
        last=Collection(
            start=_time(last.start_time),
            end=_time(last.end_time),
            removed=tuple(
                Removed(kind=one.kind, count=one.count, size_bytes=one.size_bytes)
                for one in last.removals
            ),
            problem=last.problem,
        )
        if message.HasField("last_collection")
        else None,
        round=message.collection_interval.ToTimedelta()
        if message.HasField("collection_interval")
        else None,
        concerns=tuple(
            Concern(reason=one.reason, message=one.message, remedy=one.remedy, grave=one.grave)
            for one in message.warnings
        ),
    )


def _time(stamp: timestamp_pb2.Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _stamp(time: datetime | None) -> timestamp_pb2.Timestamp | None:
    if time is None:
        return None
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(time)
    return stamp


def span(length: timedelta | None) -> duration_pb2.Duration | None:
    """A length of time on the wire; None stays absent."""
    if length is None:
        return None
    message = duration_pb2.Duration()
    message.FromTimedelta(length)
    return message
