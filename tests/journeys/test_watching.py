"""Watching a job: from any event on, by any number of people, at any speed."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import BIN, Stack, bare_repository, running_stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(90)]

OUTPUT_BYTES = 12_000_000


@dataclass
class Watcher:
    """A `pawl watch` whose standard output goes to a file."""

    stack: Stack
    job_id: str
    folder: Path
    arguments: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [BIN / "pawl", "watch", self.job_id, *self.arguments],
                env=self.stack.environment,
                stdout=out,
                stderr=err,
            )

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def err(self) -> Path:
        return self.folder / "err"

    def events(self) -> list[dict[str, Any]]:
        """What it has printed with --json, but for a line it is writing."""
        lines = self.out.read_text().splitlines(keepends=True)
        whole = [json.loads(line) for line in lines if line.endswith("\n")]
        return [document["event"] for document in whole if "event" in document]

    def until(self, count: int) -> None:
        give_up = time.monotonic() + 30
        while len(self.events()) < count:
            assert time.monotonic() < give_up, self.err.read_text()
            time.sleep(0.02)

    def leave(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watching")


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[Stack]:
    with running_stack(home) as running:
        yield running


@pytest.fixture(scope="module")
def remote(home: Path) -> Path:
    return bare_repository(home / "remote.git", {"hello.txt": "hello\n"})


def folder(tmp_path: Path, name: str) -> Path:
    made = tmp_path / name
    made.mkdir()
    return made


def test_a_watch_that_goes_on_after_the_last_event_misses_and_repeats_nothing(
    stack: Stack, remote: Path, tmp_path: Path
) -> None:
    steps = [f"do: wait-for {tmp_path / f'go-{index}'}" for index in range(3)]
    job_id = stack.submit(task(remote, *steps))
    first = Watcher(stack, job_id, folder(tmp_path, "first"), ("--json",))
    first.until(8)

    left = first.leave(signal.SIGINT)
    hint = re.search(r"pawl watch (\S+) --after (\d+)", first.err.read_text())
    assert hint is not None
    (tmp_path / "go-0").touch()
    stack.wait_for_event(job_id, "task.step.started", step_index=1)
    after = ("--json", "--after", hint[2])
    second = Watcher(stack, job_id, folder(tmp_path, "second"), after)
    second.until(2)
    second.leave(signal.SIGKILL)
    (tmp_path / "go-1").touch()
    last = second.events()[-1]["sequence"]
    third = Watcher(stack, job_id, folder(tmp_path, "third"), ("--json", "--after", last))
    third.until(1)
    (tmp_path / "go-2").touch()
    code = third.process.wait(30)

    assert (left, hint[1], code) == (0, job_id, 0)
    seen = [
        (int(event["sequence"]), event["type"])
        for watcher in (first, second, third)
        for event in watcher.events()
    ]
    assert seen == [(event["sequence"], event["type"]) for event in stack.events(job_id)]
    assert seen[-1][1] == "job.succeeded"


def test_a_watcher_that_is_stopped_slows_neither_the_job_nor_another_watcher(
    stack: Stack, remote: Path, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    job_id = stack.submit(task(remote, f"do: wait-for {go}\ndo: bytes {OUTPUT_BYTES}"))
    stopped, awake = (
        Watcher(stack, job_id, folder(tmp_path, name), ("--output",)) for name in ("one", "two")
    )
    for watcher in (stopped, awake):
        # The events go to stderr: once the step is told of, the output follows.
        while b"task.step.started" not in watcher.err.read_bytes():
            time.sleep(0.02)

    stopped.process.send_signal(signal.SIGSTOP)
    try:
        go.touch()
        job = stack.wait(job_id)
        code = awake.process.wait(30)
    finally:
        stopped.process.send_signal(signal.SIGCONT)

    log = stack.artifact(job_id, "logs/steps/step-0000.log")
    assert (job["state"], code) == ("JOB_STATE_SUCCEEDED", 0)
    assert len(log) > OUTPUT_BYTES
    assert awake.out.read_bytes() == log
    assert stopped.process.wait(30) == 0
    assert stopped.out.read_bytes() == log
