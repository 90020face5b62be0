"""Records come back as they were, and torn ones not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from services.runner import frames
from services.runner.frames import Acted, Ended, Output, Record, Started
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

TIME = datetime(2031, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
RECORDS: list[Record] = [
    Started(argv=("codex", "é\udcff"), version="codex 1", time=TIME),
    Output(stream=Stream.STDOUT, offset=0, data=b"\x00\xff\n", time=TIME),
    Output(stream=Stream.STDERR, offset=1 << 40, data=b"x" * 60_000, time=TIME),
    Acted(
        index=7,
        activity=Activity(
            kind=ActivityKind.ERROR,
            text="slow down",
            path="a b",
            usage=Usage(input_tokens=1, cost_usd=0.25),
            error_class=ErrorClass.RATE_LIMIT,
            reset_time=TIME,
        ),
        time=TIME,
    ),
    Acted(index=8, activity=Activity(kind=ActivityKind.MESSAGE), time=TIME),
    Ended(finished=Finished(outcome=Outcome.SUCCEEDED, end=Exit(code=0)), time=TIME),
    Ended(
        finished=Finished(
            outcome=Outcome.FAILED,
            end=Exit(signal=9),
            failure=Failure(reason="AGENT_EXIT", message="m", remedy="r"),
            duration=timedelta(seconds=1.5),
            usage=Usage(output_tokens=3),
            final_message="bye",
            receipt=Receipt(
                signals=(SentSignal(name="SIGINT", target="group", pid=4, time=TIME),),
                before=(ProcessSeen(pid=4, name="sh"),),
                survivors=(ProcessSeen(pid=5, name="d"),),
                duration=timedelta(seconds=2),
            ),
            reset_time=TIME,
        ),
        time=TIME,
    ),
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    data = frames.encode(record)

    assert list(frames.decode(data)) == [(record, len(data))]


def test_records_come_back_in_order_up_to_the_torn_one() -> None:
    whole = [frames.encode(record) for record in RECORDS]
    data = b"".join(whole)

    for torn in range(len(data) - len(whole[-1]) + 1, len(data)):
        assert [record for record, _ in frames.decode(data[:torn])] == RECORDS[:-1]


def test_a_record_with_a_flipped_byte_is_none() -> None:
    data = bytearray(frames.encode(RECORDS[0]))
    data[-1] ^= 1

    assert list(frames.decode(bytes(data))) == []


def test_what_is_too_large_to_read_back_is_not_written() -> None:
    record = Output(stream=Stream.STDOUT, offset=0, data=bytes(frames.LARGEST), time=TIME)

    with pytest.raises(ValueError, match="does not fit"):
        frames.encode(record)
