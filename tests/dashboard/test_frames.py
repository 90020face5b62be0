"""Frames as browsers take them apart."""

import base64
import json
from typing import Any

import pytest

from pawl.client import Activity, JobEvent, OutputChunk, Usage
from services.dashboard import frames


def document(frame: bytes) -> Any:
    """The data of a frame, which has to be one line of it."""
    (line,) = [line for line in frame.split(b"\n") if line.startswith(b"data: ")]
    return json.loads(line.removeprefix(b"data: "))


@pytest.mark.parametrize("text", ["a\nb", "a\r\nid: 9\r\n\r\n", "\u2028", "\x00", "data: x\n\n"])
def test_no_text_ends_a_frame_early(text: str) -> None:
    frame = frames.happened(JobEvent(sequence=3, message=text))

    assert frame.count(b"\n\n") == 1
    assert frame.endswith(b"\n\n")
    assert b"\r" not in frame
    assert document(frame)["message"] == text


def test_an_event_is_numbered_so_that_a_browser_can_come_back() -> None:
    event = JobEvent(sequence=7, type="task.step.started", stage="STAGE_EXECUTE", step_index=0)

    frame = frames.happened(event)

    assert frame.startswith(b"id: 7\nevent: happened\n")
    assert document(frame) | {"stage": "execute", "step": 0} == document(frame)


def test_an_event_of_the_whole_job_has_no_step() -> None:
    assert document(frames.happened(JobEvent(sequence=1)))["step"] is None


def test_output_arrives_byte_for_byte() -> None:
    data = bytes(range(256))

    told = document(frames.output(OutputChunk(offset=5, stream="OUTPUT_STREAM_STDERR", data=data)))

    assert base64.b64decode(told["bytes"]) == data
    assert (told["stream"], told["offset"]) == ("stderr", 5)


def test_what_is_consumed_is_told_and_what_is_unknown_is_not() -> None:
    usage = Usage(input_tokens=1200, cached_input_tokens=200, cost_usd=0.5)

    told = document(frames.activity(Activity(kind="ACTIVITY_KIND_USAGE", usage=usage)))

    assert told["consumed"] == "1,200 in (200 cached) · $0.5000"
    assert document(frames.activity(Activity()))["consumed"] == ""
