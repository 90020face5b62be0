"""`pawl explain` tells what is so, whatever a job waits for."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import Stack, bare_repository, running_stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]

STARTED = "task.step.started"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One slot, and one job of each repository at a time."""
    with running_stack(
        tmp_path_factory.mktemp("explaining"),
        PAWL_SLOTS="1",
        PAWL_MAX_JOBS_PER_REPOSITORY="1",
        PAWL_POLL_SECONDS="0.5",
    ) as running:
        yield running


@pytest.fixture
def stack(shared: Stack) -> Iterator[Stack]:
    """Without the jobs of other tests."""
    yield shared
    shared.settle()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return bare_repository(tmp_path / "other.git", {"hello.txt": "hello\n"})


def explained(stack: Stack, job_id: str) -> dict[str, Any]:
    done = stack.pawl("explain", job_id, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["eligible"] is not bool(answer["holds"])
    return answer


def once(
    stack: Stack, job_id: str, fits: Callable[[dict[str, Any]], bool], seconds: float = 40
) -> dict[str, Any]:
    """What is told as soon as it is as it should be."""
    give_up = time.monotonic() + seconds
    while not fits(answer := explained(stack, job_id)):
        assert time.monotonic() < give_up, answer
        time.sleep(0.1)
    return answer


def because(reason: str) -> Callable[[dict[str, Any]], bool]:
    return lambda answer: bool(answer["reason"] == f"STANDING_REASON_{reason}")


def running(stack: Stack, remote: Path, script: str = "do: sleep 300", **fields: Any) -> str:
    """A job whose first step runs."""
    job_id = stack.submit(task(remote, script, **fields))
    stack.wait_for_event(job_id, STARTED)
    return job_id


def test_a_job_that_no_runner_can_take_names_what_is_missing(stack: Stack, remote: Path) -> None:
    job_id = stack.submit(task(remote, "do: say hello", publish="pr"))

    answer = once(stack, job_id, because("CAPABILITY_MISSING"))
    said = stack.pawl("explain", job_id)

    (runner,) = answer["waiting"]["runners"]
    assert runner["obstacle"] == "RUNNER_OBSTACLE_CAPABILITY_MISSING"
    assert runner["missingCapabilities"] == ["gh"]
    assert answer["waiting"]["nearestTarget"] == stack.runner_target
    assert said.returncode == 0
    assert said.stdout.startswith(answer["summary"])
    assert "lacks gh" in answer["summary"]


def test_a_job_for_which_every_slot_is_taken_names_who_has_them(
    stack: Stack, remote: Path, other: Path
) -> None:
    holder = running(stack, other)
    job_id = stack.submit(task(remote, "do: say hello"))

    answer = once(stack, job_id, lambda one: holder in one["summary"])

    assert because("NO_FREE_SLOT")(answer)
    (runner,) = answer["waiting"]["runners"]
    assert runner["obstacle"] == "RUNNER_OBSTACLE_NO_FREE_SLOT"
    assert (runner["slots"], runner["freeSlots"], runner["jobIds"]) == (1, 0, [holder])
    assert answer["waiting"]["position"] == "1"


def test_a_job_that_waits_for_its_provider_says_until_when(stack: Stack, remote: Path) -> None:
    job_id = stack.submit(task(remote, "do: fail 429"))
    stack.wait_for_event(job_id, "job.requeued")

    answer = explained(stack, job_id)

    assert because("NOT_BEFORE")(answer)
    not_before = stack.job(job_id)["notBefore"]
    assert answer["holds"][0]["until"] == answer["waiting"]["notBefore"] == not_before
    assert "429" in answer["summary"]


def test_a_job_of_a_repository_that_is_full_waits_for_the_one_that_runs(
    stack: Stack, remote: Path
) -> None:
    first = running(stack, remote)
    job_id = stack.submit(task(remote, "do: say hello"))

    answer = explained(stack, job_id)

    assert because("REPOSITORY_LIMIT")(answer)
    waiting = answer["waiting"]
    assert (waiting["repositoryLimit"], waiting["repositoryRunning"]) == (1, 1)
    assert waiting["repositoryJobIds"] == [first]
    stack.pawl("cancel", first)
    assert stack.wait(job_id)["state"] == "JOB_STATE_SUCCEEDED"


def test_a_step_that_runs_and_is_silent_is_told_from_one_that_was_just_heard(
    stack: Stack, remote: Path
) -> None:
    script = "do: say hello\ndo: silent 100"
    job_id = running(stack, remote, script, limits={"silenceSeconds": 40})
    assert because("WORKING")(explained(stack, job_id))

    answer = once(stack, job_id, because("SILENT"))

    about = answer["running"]
    assert (about["stage"], about["stepIndex"], about["attempt"]) == ("STAGE_EXECUTE", 0, 1)
    assert about["runId"] == f"{job_id}/1/0"
    assert about["runnerReachable"] is about["ownedHere"] is True
    assert about["leaseExpired"] is False
    assert about["silenceLimit"] == "40s"
    assert float(about["silentFor"].rstrip("s")) >= 10


def test_a_job_that_is_being_stopped_tells_what_it_waits_for_and_then_what_ended_it(
    stack: Stack, remote: Path, tmp_path: Path
) -> None:
    deaf = tmp_path / "deaf"
    job_id = running(stack, remote, f"do: ignore-signals\ndo: touch {deaf}\ndo: sleep 300")
    once(stack, job_id, lambda _: deaf.exists())
    stack.pawl("cancel", job_id, "--reason", "not needed")

    answer = explained(stack, job_id)

    assert because("CANCELLING")(answer)
    assert answer["running"]["cancelRequested"]["reason"] == "not needed"
    assert "every process of its run" in answer["running"]["cancelWaitsFor"]
    stack.wait(job_id)
    last = explained(stack, job_id)
    assert because("CANCELLED")(last)
    assert last["ended"]["event"]["type"] == "job.cancelled"


def test_a_job_that_was_given_up_tells_what_was_lost(stack: Stack, remote: Path) -> None:
    job_id = stack.submit(task(remote, "do: sleep 300"), max_attempts=1)
    stack.wait_for_event(job_id, STARTED)
    record = stack.data_dir / "runner" / "runs" / f"{job_id}.1.0" / "started.json"
    once(stack, job_id, lambda _: record.exists())
    started = json.loads(record.read_text())
    for who in ("keeper", "process"):
        # Of a keeper that was killed the runner may be quicker to end the rest.
        with contextlib.suppress(ProcessLookupError):
            os.kill(started[who]["pid"], signal.SIGKILL)

    stack.wait(job_id)
    answer = explained(stack, job_id)

    assert because("DEAD_LETTER")(answer)
    ended = answer["ended"]
    assert ended["event"]["type"] == "job.deadLettered"
    assert ended["failure"]["reason"] == "RUNNER_LOST"
    assert [one["type"] for one in ended["losses"]] == ["task.step.lost"]
    assert ended["failure"]["remedy"] in answer["summary"]


def test_a_job_that_is_not_there_is_refused(stack: Stack) -> None:
    done = stack.pawl("explain", "01890000-0000-7000-8000-000000000000")

    assert (done.returncode, done.stdout) == (2, "")
    assert "JOB_NOT_FOUND" in done.stderr
