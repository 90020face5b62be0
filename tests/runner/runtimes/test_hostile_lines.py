"""Whatever an agent prints, reading a line of it raises nothing and stays bounded."""

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.runner.runtimes.fields import parsed
from services.runner.values import ActivityKind, Exit
from tests.runner.runtimes.support import STREAMS, reader

NAMES = ("codex", "gemini", "claude")
LINES = sorted(
    {
        (path.stem.partition("-")[0], line)
        for path in STREAMS.glob("*.jsonl")
        for line in path.read_bytes().splitlines()
    }
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"{",
        b'{"type":' * 3,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"type":NaN}',
        b'{"type":Infinity}',
        b'{"type":"result","type":"error","type":7}',
        b'{"type":"result","usage":{"input_tokens":' + b"9" * 5000 + b"}}",
        b'{"type":"turn.completed","usage":{"input_tokens":1e999,"output_tokens":-1}}',
        b'{"type":"error","message":"\\ud800\\u0000\\u202e"}',
        b'{"type":"system","subtype":"init","session_id":["x"]}',
        b'{"type":{"type":"x"}}',
        b'"just text"',
        b"17",
        b"\x00" * 4096,
        b'{"type":"item.completed","a":[' + b"[]," * 300_000 + b"1]}",
    ],
    ids=range(18),
)
def test_a_line_that_is_no_event_raises_nothing(name: str, line: bytes) -> None:
    activities = reader(name).line(line)

    for activity in activities:
        activity.text.encode()


@pytest.mark.parametrize("name", NAMES)
def test_unreadable_lines_are_told_twenty_times_and_then_only_counted(name: str) -> None:
    reading = reader(name)

    told = [activity for _ in range(1000) for activity in reading.line(b"not json \x1b[2J")]

    assert len(told) == 20
    assert {activity.kind for activity in told} == {ActivityKind.NOTICE}
    assert "only counted" in told[-1].text
    assert "\x1b" not in told[0].text


@pytest.mark.parametrize("name", NAMES)
def test_events_of_unknown_kinds_are_told_once_a_kind_and_twenty_times_at_most(name: str) -> None:
    reading = reader(name)

    told = [
        activity
        for number in range(100)
        for _ in range(2)
        for activity in reading.line(json.dumps({"type": f"new-{number}"}).encode())
    ]

    assert len(told) == 20


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "codex",
            {"type": "item.completed", "item": {"type": "agent_message", "text": "x" * 2**20}},
        ),
        (
            "claude",
            {"type": "assistant", "message": {"content": [{"type": "text", "text": "ü" * 2**20}]}},
        ),
        ("gemini", {"type": "message", "role": "assistant", "content": "x" * 2**20}),
    ],
)
def test_a_long_message_is_cut_to_what_an_activity_holds(
    name: str, line: dict[str, object]
) -> None:
    reading = reader(name)

    told = [*reading.line(json.dumps(line).encode()), *reading.line(b'{"type":"result"}')]
    verdict = reading.verdict(Exit(code=0), b"")

    assert max(len(activity.text.encode()) for activity in told) <= 8192
    assert len(verdict.final_message.encode()) <= 16384


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_mutation_of_a_real_line_raises_anything(data: st.DataObject) -> None:
    name, line = data.draw(st.sampled_from(LINES))
    event = json.loads(line)
    _mutate(data, event)
    cut = data.draw(st.integers(0, 40))
    mutated = json.dumps(event).encode()[: -cut or None]
    reading = reader(name)

    for activity in (*reading.line(mutated), *reading.line(line)):
        activity.text.encode()
        activity.path.encode()
    verdict = reading.verdict(Exit(code=0), b"\xff\x00")

    assert verdict.succeeded == (verdict.failure is None)


def _mutate(data: st.DataObject, event: dict[str, object]) -> None:
    """Put anything at some field of some depth."""
    node: object = event
    while True:
        assert isinstance(node, dict)
        if not node:
            return
        key = data.draw(st.sampled_from(sorted(node)))
        inner = node[key]
        if isinstance(inner, list) and inner:
            inner = inner[0]
        if not isinstance(inner, dict) or not inner or data.draw(st.booleans()):
            node[key] = data.draw(JSON)
            return
        node = inner


@pytest.mark.parametrize("value", [b"[],", b'{"b":1},', b'"",', b'{"a":"b"},'])
def test_a_line_of_a_million_values_is_no_event_and_costs_little(value: bytes) -> None:
    line = b'{"type":"turn.completed","a":[' + value * 1_000_000 + b"1]}"
    tracemalloc.start()

    assert parsed(line) is None
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < len(line) + 1_000_000


def test_a_long_text_full_of_separators_is_one_value() -> None:
    text = 'a, [b], {c}: "quoted" \\ \n' * 100_000

    assert parsed(json.dumps({"text": text}).encode()) == {"text": text}
