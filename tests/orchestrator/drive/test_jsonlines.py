"""A `.jsonl` holds the JSON objects of a stream, and takes no more memory than that is worth."""

import io
import json
import tracemalloc

import pytest

from services.orchestrator.drive.jsonlines import LINE_BYTES, JsonLines

EVENT = b'{"type":"message","text":"a, [b], {c}"}'


def kept(*pieces: bytes) -> list[bytes]:
    sink = io.BytesIO()
    lines = JsonLines(sink)
    for piece in pieces:
        lines.feed(piece)
    lines.end()
    return sink.getvalue().splitlines()


def test_objects_are_kept_and_all_else_is_left_out() -> None:
    said = [EVENT, b"plain", b"[1]", b"7", b'{"cut":', b"", b"\xff\x00", EVENT]

    assert kept(b"\n".join(said)) == [EVENT, EVENT]


def test_pieces_make_no_difference() -> None:
    whole = EVENT + b"\nplain\n" + EVENT

    assert kept(*(bytes([byte]) for byte in whole)) == [EVENT, EVENT]


def test_a_line_that_is_too_long_is_left_out_and_the_next_one_is_not() -> None:
    piece = b"x" * (1024 * 1024)

    assert kept(b'{"a":"', *[piece] * (LINE_BYTES // len(piece) + 2), b'"}\n', EVENT) == [EVENT]


def test_a_long_text_full_of_separators_is_one_value() -> None:
    line = json.dumps({"text": 'a, [b], {c}: "quoted" \\ \n' * 100_000}).encode()

    assert kept(line, b"\n") == [line]


@pytest.mark.parametrize("value", [b"[],", b'{"b":1},', b'"",', b"1,"])
def test_a_line_of_a_million_values_is_left_out_at_no_great_cost(value: bytes) -> None:
    line = b'{"a":[' + value * 1_000_000 + b"1]}"
    tracemalloc.start()

    found = kept(line, b"\n", EVENT)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == [EVENT]
    assert most < 3 * len(line) + 1_000_000
