"""Tests of the stand-in for the Codex CLI."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import SCRIPTED_AGENT
from tests.support.agent_output import noise
from tests.support.processes import alive


def run(folder: Path, prompt: str) -> tuple[int, bytes]:
    """The exit code and the stdout of one run, which goes to a file as it does under a runner."""
    out = folder.parent / "stdout"
    with out.open("wb") as stdout:
        done = subprocess.run(
            [str(SCRIPTED_AGENT), "exec", "--json", "-C", str(folder), "-c", "a=1", "-"],
            input=prompt.encode(),
            stdout=stdout,
            env={"PATH": os.environ["PATH"]},
            timeout=10,
            check=False,
        )
    return done.returncode, out.read_bytes()


def events(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    return tmp_path / "repo"


def test_it_names_its_version_as_the_real_one_does() -> None:
    done = subprocess.run([str(SCRIPTED_AGENT), "--version"], capture_output=True, check=True)

    assert done.stdout == b"codex-cli 0.0.0-scripted\n"


def test_it_does_what_the_script_says_and_tells_each_act(folder: Path) -> None:
    code, output = run(folder, "do: write a/b x\\n\ndo: run cat a/b; exit 3\ndo: say There.\n")

    told = [event["item"] for event in events(output) if event["type"] == "item.completed"]
    assert code == 0
    assert (folder / "a/b").read_text() == "x\n"
    assert [item["type"] for item in told] == ["file_change", "command_execution", "agent_message"]
    assert (told[1]["aggregated_output"], told[1]["exit_code"]) == ("x\n", 3)
    assert events(output)[-1]["usage"]["input_tokens"] == 3000


@pytest.mark.parametrize(
    ("directive", "code", "last"),
    [
        ("fail 429", 1, "turn.failed"),
        ("fail 3", 3, "turn.failed"),
        ("refuse", 0, "turn.completed"),
        ("exit 7", 7, "turn.started"),
        ("signal KILL", -signal.SIGKILL, "turn.started"),
        ("nonsense", 1, "turn.failed"),
    ],
)
def test_it_ends_as_the_script_says(folder: Path, directive: str, code: int, last: str) -> None:
    ended, output = run(folder, f"do: {directive}\n")

    assert (ended, events(output)[-1]["type"]) == (code, last)


@pytest.mark.parametrize("size", [1, 80, 70_000])
def test_one_line_has_exactly_the_size_asked_for(folder: Path, size: int) -> None:
    _, output = run(folder, f"do: line {size}\n")

    assert len(output.splitlines(keepends=True)[2]) == size


@pytest.mark.parametrize("size", [1, 65_536, 200_000])
def test_plain_output_has_exactly_the_size_asked_for(folder: Path, size: int) -> None:
    _, quiet = run(folder, "do: refuse\n")
    _, output = run(folder, f"do: bytes {size}\ndo: refuse\n")

    lengths = [len(line) for line in output.splitlines(keepends=True)[2:-1]]
    assert sum(lengths) == size
    assert len(quiet.splitlines()) == 3


def test_its_daemon_outlives_it_and_ignores_polite_signals(folder: Path) -> None:
    code, _ = run(folder, "do: fork-daemon pid\ndo: wait-for pid\n")

    pid = int((folder / "pid").read_text())
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    stat = Path(f"/proc/{pid}/stat").read_text()
    os.kill(pid, signal.SIGKILL)
    assert code == 0
    assert stat.rpartition(")")[2].split()[0] in {"S", "R"}


@pytest.mark.timeout(40)  # it starts processes, which takes its time on a machine that is busy
def test_an_interrupt_ends_it_with_its_command(folder: Path) -> None:
    agent = subprocess.Popen(
        [str(SCRIPTED_AGENT), "exec", "--json", "-C", str(folder), "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert agent.stdin is not None
    agent.stdin.write(b"do: audit notes\ndo: run echo $$ > pid; sleep 60; true\n")
    agent.stdin.close()
    while not (folder / "pid").exists() or not (folder / "pid").read_text():
        time.sleep(0.01)

    agent.send_signal(signal.SIGINT)

    assert agent.wait() == 1
    assert [line.split()[0] for line in (folder / "notes").read_text().splitlines()] == [
        "start",
        "stop",
    ]
    command = int((folder / "pid").read_text())
    while alive(command):
        time.sleep(0.01)


def test_a_copy_holds_what_was_said_before_it_was_asked_for_too(folder: Path) -> None:
    copy = folder / "copy"

    _, output = run(folder, f"do: numbers 160\ndo: copy {copy}\ndo: numbers 32\ndo: noise 9000")

    assert copy.read_bytes() == output
    lines = [line for line in output.split(b"\n") if line.isdigit()]
    assert lines == [b"%015d" % number for number in range(12)]
    assert b"".join(noise(9000)) in output
