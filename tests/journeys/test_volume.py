"""However much a step prints, and whatever, the log has it all and no service grows by it."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc
from tests.support.agent_output import noise
from tests.support.processes import alive
from tests.support.stack import Stack, bare_repository, running_stack, task

BYTES = int(os.environ.get("BYTES", str(64 * 1024 * 1024)))
SECONDS = 60 + BYTES / 2_000_000
GROWTH = 50 * 1024 * 1024
PERIOD = 0.05

pytestmark = [pytest.mark.journey, pytest.mark.timeout(SECONDS + 60)]


class Memory:
    """The most that each process has held, beside what it held at first."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self.before = {name: resident(pid) for name, pid in pids.items()}
        self.most = dict(self.before)
        self._leave = threading.Event()

    @contextmanager
    def sampled(self) -> Iterator[None]:
        thread = threading.Thread(target=self._sample)
        thread.start()
        try:
            yield
        finally:
            self._leave.set()
            thread.join()

    def _sample(self) -> None:
        while not self._leave.wait(PERIOD):
            for name, pid in self._pids.items():
                if alive(pid):
                    self.most[name] = max(self.most[name], resident(pid))

    def growth(self) -> dict[str, int]:
        return {name: self.most[name] - before for name, before in self.before.items()}


def resident(pid: int) -> int:
    """Bytes of memory that a process has now; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, PAWL_SLOTS="1") as running:
        warm = running.submit(
            task(bare_repository(tmp_path / "warm.git", {"hello.txt": "x"}), "do: noise 8000000")
        )
        running.wait(warm)
        yield running


def measured(stack: Stack, tmp_path: Path, directive: str, **limits: int) -> tuple[str, Memory]:
    """Has a step do as the directive says; the job, and what memory that took."""
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    go = tmp_path / "go"
    job_id = stack.submit(task(remote, f"do: wait-for {go}\ndo: {directive}", limits=limits))
    stack.wait_for_event(job_id, "task.step.started")
    started = stack.data_dir / "runner" / "runs" / f"{job_id}.1.0" / "started.json"
    pause = threading.Event()
    while not started.exists():
        pause.wait(0.02)
    keeper = json.loads(started.read_text())["keeper"]["pid"]
    services = {name: pid for name, pid in stack.pids().items() if name != "up"}
    memory = Memory({**services, "keeper": keeper})
    with memory.sampled():
        go.touch()
        stack.wait(job_id, SECONDS)
    said = ", ".join(f"{name} {size / 2**20:.1f}" for name, size in memory.growth().items())
    print(f"{directive}: MiB grown: {said}")
    return job_id, memory


def log_of(stack: Stack, job_id: str) -> Iterator[bytes]:
    request = pb.ReadArtifactRequest(job_id=job_id, path="logs/steps/step-0000.log")
    with grpc.insecure_channel(stack.target) as channel:
        for piece in rpc.OrchestratorServiceStub(channel).ReadArtifact(request, timeout=SECONDS):
            yield piece.data


def after_noise(log: Iterator[bytes], *, line: bool) -> tuple[bytes, bool]:
    """What follows the noise in a log, and whether the noise is cut short; else it is whole.

    Two lines of events come before it.
    """
    head = b""
    while head.count(b"\n") < 2:
        head += next(log)
    first = head.index(b"\n", head.index(b"\n") + 1) + 1
    rest = bytearray(head[first:])
    for piece in noise(BYTES, line=line):
        while len(rest) < len(piece) and (data := next(log, b"")):
            rest += data
        assert piece.startswith(rest[: len(piece)]), "not what was printed"
        if len(rest) < len(piece):
            return b"", True
        del rest[: len(piece)]
    return bytes(rest) + b"".join(log), False


def assert_flat(memory: Memory) -> None:
    grown = {name: size for name, size in memory.growth().items() if size >= GROWTH}
    assert grown == {}
    assert memory.growth().keys() == {"contract", "orchestrator", "runner", "dashboard", "keeper"}


@pytest.mark.parametrize("directive", ["noise", "noise-line"])
def test_what_a_step_prints_is_all_in_the_log_and_in_no_memory(
    stack: Stack, tmp_path: Path, directive: str
) -> None:
    job_id, memory = measured(stack, tmp_path, f"{directive} {BYTES}", maxOutputBytes=2 * BYTES)

    assert stack.job(job_id)["state"] == "JOB_STATE_SUCCEEDED"
    rest, missing = after_noise(log_of(stack, job_id), line=directive == "noise-line")
    assert not missing
    events = [json.loads(line)["type"] for line in rest.splitlines()]
    assert events == ["item.completed", "turn.completed"]
    assert_flat(memory)


def test_what_is_over_the_limit_is_cut_at_exactly_that_byte(stack: Stack, tmp_path: Path) -> None:
    limit = BYTES // 2 + 4321

    job_id, memory = measured(stack, tmp_path, f"noise {BYTES}", maxOutputBytes=limit)

    job = stack.job(job_id)
    assert (job["state"], job["failure"]["reason"]) == ("JOB_STATE_FAILED", "OUTPUT_LIMIT")
    assert stack.artifacts(job_id)["logs/steps/step-0000.log"]["sizeBytes"] == limit
    rest, missing = after_noise(log_of(stack, job_id), line=False)
    assert missing
    assert not rest
    assert_flat(memory)
