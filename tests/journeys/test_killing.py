"""Whatever is killed, the job goes on: no step twice, no output lost, nothing made up."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import alive, naming
from tests.support.stack import Stack, bare_repository, git, running_stack, task, until

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]

NOISE = 300_000


@dataclass(frozen=True)
class Steered:
    """A job of three steps, whose second one talks, waits for `go`, talks, waits for `end`."""

    folder: Path

    def payload(self, remote: Path) -> dict[str, Any]:
        return task(
            remote,
            f"do: audit {self.audit(0)}\ndo: write one.txt 1",
            f"do: audit {self.audit(1)}\ndo: bytes {NOISE}\ndo: stderr half\n"
            f"do: touch {self.folder / 'reached'}\ndo: wait-for {self.folder / 'go'}\n"
            f"do: run cat one.txt\ndo: bytes {NOISE}\ndo: write two.txt 2\n"
            f"do: touch {self.folder / 'ending'}\ndo: wait-for {self.folder / 'end'}",
            f"do: audit {self.audit(2)}\ndo: run cat one.txt two.txt\ndo: write three.txt 3",
        )

    def audit(self, step_index: int) -> Path:
        return self.folder / f"audit-{step_index}"

    def reached(self) -> None:
        until((self.folder / "reached").exists)

    def go(self) -> None:
        (self.folder / "go").touch()

    def end(self) -> None:
        (self.folder / "end").touch()

    def ending(self) -> None:
        until((self.folder / "ending").exists, seconds=60)

    def lives(self, step_index: int) -> list[list[str]]:
        """What the agents of a step noted: `start` or `stop`, pid, time."""
        return [line.split() for line in self.audit(step_index).read_text().splitlines()]

    def starts(self) -> list[int]:
        """How many agents were started for each step."""
        return [sum(life[0] == "start" for life in self.lives(index)) for index in range(3)]


def impatient_stack(folder: Path) -> AbstractContextManager[Stack]:
    """One whose leases run out fast: only then may another orchestrator go on."""
    return running_stack(
        folder,
        PAWL_LEASE_SECONDS="6",
        PAWL_RUN_LEASE_SECONDS="30",
        PAWL_POLL_SECONDS="0.5",
    )


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def replaced(stack: Stack, service: str, pid: int) -> None:
    """Returns once `pawl up` has started the service again after `pid` was killed."""
    until(lambda: not alive(pid) and stack.pids().get(service) not in {None, pid})
    address = getattr(stack, "target" if service == "orchestrator" else f"{service}_target")
    until(lambda: listens(address))


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as connection:
        return connection.connect_ex((host, int(port))) == 0


def run_of(stack: Stack, job_id: str) -> tuple[Path, list[int]]:
    """The folder of the second step's run; its keeper and its agent."""
    folder = stack.data_dir / "runner" / "runs" / f"{job_id}.1.1"
    started = json.loads((folder / "started.json").read_text())
    return folder, [started["keeper"]["pid"], started["process"]["pid"]]


def types(stack: Stack, job_id: str) -> list[str]:
    events = stack.events(job_id)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    return [event["type"] for event in events]


def assert_landed(stack: Stack, job_id: str, remote: Path) -> None:
    """The branch holds the work of every step, and nothing of the job is left."""
    job = stack.job(job_id)
    assert (job["state"], job["outcome"]) == ("JOB_STATE_SUCCEEDED", "JOB_OUTCOME_BRANCH")
    files = git(remote, "ls-tree", "--name-only", job["workingBranch"]).split()
    assert files == ["hello.txt", "one.txt", "three.txt", "two.txt"]
    assert git(remote, "rev-list", "--count", f"main..{job['workingBranch']}") == "1"
    until(lambda: not naming(job_id))


def assert_each_step_ran_once(stack: Stack, job_id: str, steered: Steered) -> None:
    assert steered.starts() == [1, 1, 1]
    assert [step["attempt"] for step in stack.job(job_id)["steps"]] == [1, 1, 1]
    told = types(stack, job_id)
    assert told.count("task.step.started") == told.count("task.step.finished") == 3
    assert "task.step.lost" not in told


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killing")


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[Stack]:
    with impatient_stack(home) as running:
        yield running


@pytest.fixture(scope="module")
def remote(home: Path) -> Path:
    return bare_repository(home / "remote.git", {"hello.txt": "hello\n"})


@pytest.fixture
def steered(tmp_path: Path) -> Steered:
    return Steered(tmp_path)


@pytest.mark.parametrize("service", ["runner", "orchestrator", "contract"])
def test_a_killed_service_costs_nothing(
    stack: Stack, remote: Path, steered: Steered, service: str
) -> None:
    """The agent goes on meanwhile; every byte it says is in the log once, and so is what it did."""
    job_id = stack.submit(steered.payload(remote))
    steered.reached()
    run, pids = run_of(stack, job_id)
    victim = stack.pids()[service]

    kill(victim)
    steered.go()  # it talks on while nobody listens
    replaced(stack, service, victim)

    steered.ending()
    captured = (run / "stdout").read_bytes()
    assert all(map(alive, pids))
    steered.end()
    stack.wait(job_id)
    assert_landed(stack, job_id, remote)
    assert_each_step_ran_once(stack, job_id, steered)
    log = stack.artifact(job_id, "logs/steps/step-0001.log")
    stdout = log.replace(b"half\n", b"", 1)
    assert len(captured) > 2 * NOISE
    assert stdout.startswith(captured)
    last = [json.loads(line)["type"] for line in stdout[len(captured) :].splitlines()]
    assert last == ["item.completed", "turn.completed"]
    did = [
        json.loads(line)
        for line in stack.artifact(job_id, "logs/steps/step-0001.activity.jsonl").splitlines()
    ]
    assert [one["index"] for one in did] == list(range(len(did)))
    assert (did[0]["kind"], did[-1]["kind"]) == ("session", "usage")
    assert any(one["kind"] == "tool_call" and "cat one.txt" in one["text"] for one in did)
    told = types(stack, job_id)
    taken_over = 1 if service == "orchestrator" else 0
    assert told.count("job.resumed") == taken_over
    assert told.count("job.claimed") == 1 + taken_over
    # A channel may take two seconds to try its target again.
    assert stack.submit(task(remote, "do: say waits for gh", publish="pr"))


def test_a_run_that_is_killed_with_its_runner_is_lost_and_starts_anew_from_the_checkpoint(
    stack: Stack, remote: Path, steered: Steered
) -> None:
    job_id = stack.submit(steered.payload(remote))
    steered.reached()
    _, (keeper, agent) = run_of(stack, job_id)
    victim = stack.pids()["runner"]

    kill(victim, keeper, agent)
    lost = stack.wait_for_event(job_id, "task.step.lost", step_index=1)
    steered.go()
    steered.end()
    job = stack.wait(job_id)

    assert_landed(stack, job_id, remote)
    assert steered.starts() == [1, 2, 1]
    assert [step["attempt"] for step in job["steps"]] == [1, 2, 2]
    assert job["attempt"] == lost["attempt"] + 1 == 2
    told = types(stack, job_id)
    assert told[told.index("task.step.lost") :][:3] == [
        "task.step.lost",
        "task.workspace.rebuilt",
        "task.step.started",
    ]
    first, second = [life for life in steered.lives(1) if life[0] == "start"]
    assert not alive(int(first[1]))
    assert float(first[2]) < float(second[2])
    assert len(stack.artifact(job_id, "attempts/1/logs/steps/step-0001.log")) >= NOISE
    assert len(stack.artifact(job_id, "logs/steps/step-0001.log")) >= 2 * NOISE


def test_a_job_whose_owner_died_is_cancelled_by_the_next_one_like_any_other(
    stack: Stack, remote: Path, steered: Steered
) -> None:
    job_id = stack.submit(steered.payload(remote))
    steered.reached()
    _, pids = run_of(stack, job_id)
    victim = stack.pids()["orchestrator"]

    kill(victim)
    replaced(stack, "orchestrator", victim)
    until(lambda: stack.pawl("cancel", job_id).returncode == 0)
    job = stack.wait(job_id)

    assert job["state"] == "JOB_STATE_CANCELLED"
    assert job["steps"][1]["state"] == "STEP_STATE_CANCELLED"
    assert types(stack, job_id)[-3:] == [
        "task.step.cancelled",
        "task.stage.cancelled",
        "job.cancelled",
    ]
    assert [pid for pid in pids if alive(pid)] == []
    receipt = json.loads(stack.artifact(job_id, "receipts/cancel.json"))
    assert [one["signal"] for one in receipt["signals"]][:1] == ["SIGINT"]
    assert job["workingBranch"] not in git(remote, "branch", "--list")


def test_what_pawl_up_leaves_when_it_is_killed_the_next_one_goes_on_with(
    tmp_path: Path, steered: Steered
) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    with impatient_stack(tmp_path) as first:
        job_id = first.submit(steered.payload(remote))
        steered.reached()
        _, pids = run_of(first, job_id)
        services = first.pids()

        kill(first.up.pid)
        until(lambda: not any(map(alive, services.values())))
    assert all(map(alive, pids))

    with impatient_stack(tmp_path) as second:
        steered.go()
        steered.end()
        second.wait(job_id)
        assert_landed(second, job_id, remote)
        assert_each_step_ran_once(second, job_id, steered)
        assert types(second, job_id).count("job.resumed") == 1
        said = (tmp_path / "up.stderr").read_text()
    assert not re.search("Traceback|did not leave", said)
