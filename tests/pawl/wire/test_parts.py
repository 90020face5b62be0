"""Messages are counted as the parser would make them, and no further than needed."""

from typing import Any

import pytest
from google.protobuf import struct_pb2

from pawl.v1 import contract_pb2 as pb
from pawl.wire.parts import table, too_many

DESCRIPTOR: Any = pb.ValidateTaskRequest.DESCRIPTOR
ROOT = table(DESCRIPTOR)
LIMIT = 100


def request(values: int) -> bytes:
    """A request that is made of three messages, and these."""
    message = pb.ValidateTaskRequest()
    listed = struct_pb2.ListValue(values=[struct_pb2.Value(bool_value=True)] * values)
    message.payload.fields["a"].list_value.CopyFrom(listed)
    # Long enough to be looked at, and full of bytes that begin messages elsewhere.
    message.payload.fields["b"].string_value = "\n\x12*2" * LIMIT
    return message.SerializeToString()


def test_as_many_messages_as_may_be_pass() -> None:
    # The payload, two entries with their values, and the list.
    assert not too_many(request(LIMIT - 6), ROOT, LIMIT)


def test_one_more_does_not() -> None:
    assert too_many(request(LIMIT - 5), ROOT, LIMIT)


def test_text_is_not_taken_for_messages() -> None:
    assert not too_many(request(0), ROOT, LIMIT)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"\x0a\x00", id="empty"),
        pytest.param(b"\x8a\x00\x00", id="a tag longer than needed"),
        pytest.param(b"\x0a\x80\x00", id="a length longer than needed"),
        pytest.param(b"\x0a\x02\x08\x00", id="null"),
        pytest.param(b"\x0a\x09\x11" + bytes(8), id="number"),
        pytest.param(b"\x0a\x05\x1a\x03abc", id="text"),
        pytest.param(b"\x0a\x02\x32\x00", id="list"),
        pytest.param(b"\x7d" + bytes(4) + b"\x0a\x00", id="after an unknown field"),
        pytest.param(b"\x0b\x0a\x00\x0c\x0a\x00", id="in and after an unknown group"),
    ],
)
def test_values_are_counted_however_they_are_written(value: bytes) -> None:
    def listed(count: int) -> bytes:
        body = value * count
        for tag in (b"\x32", b"\x12", b"\x0a", b"\x0a"):
            body = tag + _varint(len(body)) + body
        return body

    pb.ValidateTaskRequest.FromString(listed(LIMIT))  # it is a message
    assert too_many(listed(LIMIT), ROOT, LIMIT)
    assert not too_many(listed(LIMIT // 3), ROOT, LIMIT)


@pytest.mark.parametrize(
    "raw", [b"\xff" * 1000, b"\x07" * 1000, b"\x0a\x00" * 50 + b"\x12" * 99 + b"\x0a"]
)
def test_what_is_no_message_is_left_to_the_parser(raw: bytes) -> None:
    assert not too_many(raw, ROOT, LIMIT)


def _varint(number: int) -> bytes:
    digits = []
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])
