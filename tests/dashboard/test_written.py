"""Tasks as text: what is written is read as the same again."""

import json
import shlex
import subprocess
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pawl.cli import payload
from services.dashboard.queueing import Queueing
from services.dashboard.written import as_grpcurl, as_json, as_pawl, as_yaml

ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
AWKWARD = st.text("ab \n\t#:-'\"|>%&*!TASK\r\x85\u2028\ufeff{}[],?~0123456789.eE_", max_size=20)
MEANING = st.sampled_from(["yes", "no", "2024-01-31", "1e3", "0x1f", "null", "<<", "=", "12:30:45"])
TEXTS = ANY | AWKWARD | MEANING
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(TEXTS, VALUES, max_size=4)


@settings(max_examples=60, deadline=None)
@given(PAYLOADS)
@example({"a": "x\x85y"})
@example({"a": "TASK\n TASK\nTASK\n", "TASK": None})
def test_what_is_written_is_read_as_the_same(task: dict[str, Any]) -> None:
    assert payload.parsed(as_yaml(task), "task.yaml").value == task
    assert payload.parsed(as_json(task), "task.json").value == task


@settings(max_examples=60, deadline=None)
@given(PAYLOADS)
@example({"a": "TASK\n TASK\nTASK\n", "TASK": None})
def test_no_text_ends_the_here_document_that_it_is_in(task: dict[str, Any]) -> None:
    """A shell would run what stands behind it."""
    for written in (as_pawl, as_grpcurl):
        text = written(task, target="127.0.0.1:1", request_id="r", queueing=Queueing())
        lines = text.split("\n")

        assert [at for at, line in enumerate(lines) if line == "TASK"] == [len(lines) - 2]


@settings(max_examples=60, deadline=None)
@given(PAYLOADS)
@example({"a\u202e": "\x9b2J\u200b\U000e0041"})
def test_a_command_has_nothing_that_a_terminal_obeys_or_nobody_sees(task: dict[str, Any]) -> None:
    for written in (as_pawl, as_grpcurl):
        text = written(task, target="127.0.0.1:1", request_id="r", queueing=Queueing())

        assert text.replace("\n", "").isprintable()


def test_several_lines_are_written_as_lines() -> None:
    text = as_yaml({"task": {"instructions": "One.\nTwo: größer.\n"}})

    assert text == "task:\n  instructions: |\n    One.\n    Two: größer.\n"


def test_commands_name_where_to_and_the_request_id() -> None:
    """With the id, running one twice makes one job."""
    where: Any = {"target": "127.0.0.1:50052", "request_id": "r-1", "queueing": Queueing()}
    task = {"repository": "o/r"}

    pawl, _, given = as_pawl(task, **where).partition("\n")
    grpcurl, _, request = as_grpcurl(task, **where).partition("\n")

    assert shlex.split(pawl)[:-1] == [
        *("pawl", "submit", "-", "--target", "127.0.0.1:50052", "--request-id", "r-1")
    ]
    assert given == "repository: o/r\nTASK\n"
    assert shlex.split(grpcurl)[:-1] == [
        *("grpcurl", "-plaintext", "-d", "@", "127.0.0.1:50052"),
        "pawl.v1.OrchestratorService/SubmitTask",
    ]
    assert json.loads(request.removesuffix("TASK\n")) == {"requestId": "r-1", "payload": task}


QUEUED = Queueing(priority=-5, max_attempts=2, labels={"team": "a b", "x": "it's = $HOME"})


def test_commands_say_how_the_job_is_queued() -> None:
    where: Any = {"target": "127.0.0.1:1", "request_id": "r", "queueing": QUEUED}

    pawl, _, _ = as_pawl({}, **where).partition("\n")
    _, _, request = as_grpcurl({}, **where).partition("\n")

    assert shlex.split(pawl)[7:-1] == [
        *("--priority=-5", "--max-attempts=2", "--label=team=a b", "--label=x=it's = $HOME")
    ]
    assert json.loads(request.removesuffix("TASK\n")) == {
        "requestId": "r",
        "priority": -5,
        "maxAttempts": 2,
        "labels": QUEUED.labels,
        "payload": {},
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(ANY | AWKWARD, min_size=1, max_size=3))
@example(["\x03\x1b[201~\n'; touch /tmp/x; '"])
@example(["\\'\u009b\u202e"])
def test_a_label_that_is_pasted_is_one_word_and_nothing_a_terminal_obeys(values: list[str]) -> None:
    """Those of a job of somebody else's may come into the form."""
    values = [value.replace("\0", "") for value in values]
    labels = {f"k{index}": value for index, value in enumerate(values)}
    queueing = Queueing(labels=labels)

    text = as_pawl({}, target="127.0.0.1:1", request_id="r", queueing=queueing)
    command = text.rpartition(" <<")[0]
    said = subprocess.run(
        ["bash", "-c", command.replace("pawl submit -", "printf '%s\\0'")],
        env={"LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
        timeout=10,
    )

    assert command.isprintable()
    assert said.stdout.decode().split("\0")[4:-1] == [f"--label={k}={v}" for k, v in labels.items()]
