"""Spells the records of a journal as bytes that show whether they are whole."""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, assert_never

from services.runner.values import (
    Activity,
    ActivityKind,
    ErrorClass,
    Exit,
    Failure,
    Finished,
    Outcome,
    ProcessSeen,
    Receipt,
    SentSignal,
    Stream,
    Usage,
)

LARGEST = 240 * 1024
"""Bytes of one frame; whatever claims to be larger is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """How the run was started; the first record."""

    argv: tuple[str, ...]
    """For people's eyes; holds no secret."""
    version: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A piece of what the CLI wrote, secrets masked."""

    stream: Stream
    offset: int
    data: bytes
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """One thing the agent did; `index` counts from 0."""

    index: int
    activity: Activity
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the run ended; the last record."""

    finished: Finished
    time: datetime


Record = Started | Output | Acted | Ended


class _Kind(IntEnum):
    STARTED = 1
    STDOUT = 2
    STDERR = 3
    ACTED = 4
    ENDED = 5


_STREAMS = {_Kind.STDOUT: Stream.STDOUT, _Kind.STDERR: Stream.STDERR}
_KINDS = {stream: kind for kind, stream in _STREAMS.items()}

_ACTIVITY_FIELDS = Activity.__slots__

Fields = Mapping[str, Any]

_FRAME = struct.Struct("<II")
"""Length and CRC-32 of what follows."""
_HEAD = struct.Struct("<BQQ")
"""Kind, offset or index, microseconds since 1970."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode(record: Record) -> bytes:
    """Returns the frame of one record. Raises ValueError where it would be too large."""
    match record:
        case Output():
            kind, number, content = _KINDS[record.stream], record.offset, record.data
        case Acted():
            kind, number, content = _Kind.ACTED, record.index, _spell(_set(record.activity))
        case Started():
            shown = {"argv": record.argv, "version": record.version}
            kind, number, content = _Kind.STARTED, 0, json.dumps(shown).encode()
        case Ended():
            kind, number, content = _Kind.ENDED, 0, _spell(asdict(record.finished))
        case _:
            assert_never(record)
    body = _HEAD.pack(kind, number, (record.time - _EPOCH) // _MICROSECOND) + content
    if len(body) > LARGEST:
        raise ValueError(f"a record of {len(body)} bytes does not fit into a journal")
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def decode(data: bytes) -> Iterator[tuple[Record, int]]:
    """Yields each whole record at the beginning of `data` with the position it ends at."""
    position = 0
    while position + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, position)
        end = position + _FRAME.size + length
        if not _HEAD.size <= length <= LARGEST or end > len(data):
            return
        body = data[position + _FRAME.size : end]
        if zlib.crc32(body) != checksum:
            return
        yield _record(body), end
        position = end


def _record(body: bytes) -> Record:
    number, offset, micros = _HEAD.unpack_from(body)
    kind, content, time = _Kind(number), body[_HEAD.size :], _EPOCH + micros * _MICROSECOND
    match kind:
        case _Kind.STDOUT | _Kind.STDERR:
            return Output(stream=_STREAMS[kind], offset=offset, data=content, time=time)
        case _Kind.ACTED:
            return Acted(index=offset, activity=_activity(json.loads(content)), time=time)
        case _Kind.STARTED:
            shown = json.loads(content)
            return Started(argv=tuple(shown["argv"]), version=shown["version"], time=time)
        case _Kind.ENDED:
            return Ended(finished=_finished(json.loads(content)), time=time)
        case _:
            assert_never(kind)


def _set(activity: Activity) -> Fields:
    """Returns the fields that hold something: `asdict` copies deeply, and there are many."""
    fields = {name: getattr(activity, name) for name in _ACTIVITY_FIELDS}
    if activity.usage is not None:
        fields["usage"] = asdict(activity.usage)
    return {name: value for name, value in fields.items() if value}


def _spell(fields: Fields) -> bytes:
    return json.dumps(fields, default=_plain).encode()


def _plain(value: object) -> str | float:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case _:
            raise TypeError(f"a record cannot hold a {type(value).__name__}")


def _activity(fields: Fields) -> Activity:
    return Activity(
        kind=ActivityKind(fields["kind"]),
        text=fields.get("text", ""),
        path=fields.get("path", ""),
        usage=_usage(fields.get("usage")),
        error_class=ErrorClass(fields["error_class"]) if "error_class" in fields else None,
        reset_time=_time(fields.get("reset_time")),
    )


def _finished(fields: Fields) -> Finished:
    end, failure = fields["end"], fields["failure"]
    return Finished(
        outcome=Outcome(fields["outcome"]),
        end=Exit(**end) if end is not None else None,
        failure=Failure(**failure) if failure is not None else None,
        duration=timedelta(seconds=fields["duration"]),
        usage=_usage(fields["usage"]),
        final_message=fields["final_message"],
        receipt=_receipt(fields["receipt"]),
        reset_time=_time(fields["reset_time"]),
    )


def _receipt(fields: Fields | None) -> Receipt | None:
    if fields is None:
        return None
    return Receipt(
        signals=tuple(
            SentSignal(
                name=sent["name"],
                target=sent["target"],
                pid=sent["pid"],
                time=datetime.fromisoformat(sent["time"]),
            )
            for sent in fields["signals"]
        ),
        signal_count=fields.get("signal_count", len(fields["signals"])),
        before=_processes(fields["before"]),
        before_count=fields.get("before_count", len(fields["before"])),
        after=_processes(fields.get("after", fields["survivors"])),
        after_count=fields.get("after_count", len(fields["survivors"])),
        survivors=_processes(fields["survivors"]),
        end=Exit(**fields["end"]) if fields.get("end") else None,
        duration=timedelta(seconds=fields["duration"]),
    )


def _processes(seen: Iterable[Fields]) -> tuple[ProcessSeen, ...]:
    return tuple(ProcessSeen(**{**each, "ways": tuple(each.get("ways", ()))}) for each in seen)


def _usage(fields: Fields | None) -> Usage | None:
    return Usage(**fields) if fields is not None else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None
