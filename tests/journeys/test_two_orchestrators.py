"""Two orchestrators on one database share the jobs between them, and none is driven twice."""

import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import (
    LEAVE_SECONDS,
    Stack,
    bare_repository,
    git,
    running_stack,
    task,
    until,
)

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]

JOBS = 20


def shared_stack(folder: Path, *, lease_seconds: int = 30) -> AbstractContextManager[Stack]:
    """One whose runner has slots for twice as many jobs as an orchestrator drives."""
    return running_stack(
        folder,
        PAWL_SLOTS="4",
        PAWL_MAX_JOBS="2",
        PAWL_POLL_SECONDS="0.2",
        PAWL_LEASE_SECONDS=f"{lease_seconds}",
    )


@contextlib.contextmanager
def another_orchestrator(stack: Stack, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """One more of what `pawl up` has started, on a port of its own; it leaves in good order.

    Unless it is killed in the block.
    """
    first = Path("/proc", str(stack.pids()["orchestrator"]), "environ").read_bytes()
    settings = dict(one.split("=", 1) for one in os.fsdecode(first).split("\0") if one)
    answers = folder / "second.address"
    settings |= {"PAWL_LISTEN": "127.0.0.1:0", "PAWL_ADDRESS_FILE": str(answers)}
    with (
        (folder / "second.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "services.orchestrator"],
            env=settings,
            # `pawl up` makes its services leave when this ends.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        ) as second,
    ):
        try:
            until(lambda: second.poll() is not None or answers.exists(), seconds=60)
            assert second.poll() is None, (folder / "second.log").read_text()[-4000:]
            yield second
            if second.poll() is None:
                second.terminate()
                assert second.wait(LEAVE_SECONDS) == 0
        finally:
            second.kill()


def claims_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the claims of a job tell, in order."""
    return [one["payload"] for one in events if one["type"] == "job.claimed"]


def lives(audit: Path) -> list[str]:
    """What the agents of a step noted about their lives."""
    return [line.split()[0] for line in audit.read_text().splitlines()]


def test_each_job_is_claimed_once_and_both_claim_some(tmp_path: Path) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    audits, go = tmp_path / "audits", tmp_path / "go"
    audits.mkdir()
    with (
        shared_stack(tmp_path) as stack,
        another_orchestrator(stack, tmp_path),
    ):
        jobs = [
            stack.submit(
                task(
                    remote,
                    f"do: audit {audits / str(number)}\ndo: wait-for {go}\n"
                    f"do: write {number}.txt 1",
                )
            )
            for number in range(JOBS)
        ]
        # One orchestrator drives two of these, so that no chance decides whether both have some.
        until(lambda: len(list(audits.iterdir())) == 4)
        go.touch()
        owners: Counter[str] = Counter()
        branches: set[str] = set()
        for job_id in jobs:
            job = stack.wait(job_id, seconds=120)
            assert (job["state"], job["attempt"]) == ("JOB_STATE_SUCCEEDED", 1)
            events = stack.events(job_id)
            claims = claims_of(events)
            assert [one["epoch"] for one in claims] == list(range(1, len(claims) + 1))
            # It may go back to the queue for want of a slot; no owner was lost.
            assert {one["previous"] for one in claims} == {"queued"}
            assert [one["type"] for one in events].count("job.succeeded") == 1
            branches.add(job["workingBranch"])
            owners.update(one["owner"] for one in claims[-1:])

    assert len(owners) == 2
    assert sum(owners.values()) == JOBS
    for number in range(JOBS):
        assert lives(audits / str(number)) == ["start", "stop"]
    landed = git(remote, "branch", "--list", "--format=%(refname:short)").split()
    assert sorted(landed) == sorted(["main", *branches])


def test_one_takes_over_what_the_other_was_killed_with(tmp_path: Path) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    go = tmp_path / "go"
    with (
        shared_stack(tmp_path, lease_seconds=6) as stack,
        another_orchestrator(stack, tmp_path) as second,
    ):
        jobs = [
            stack.submit(task(remote, f"do: audit {tmp_path / str(number)}\ndo: wait-for {go}"))
            for number in range(4)
        ]
        for job_id in jobs:
            stack.wait_for_event(job_id, "task.step.started")

        second.kill()
        second.wait()
        owners = Counter(claims_of(stack.events(job_id))[-1]["owner"] for job_id in jobs)
        assert sorted(owners.values()) == [2, 2]
        # The first has room for them once its own jobs have ended.
        go.touch()
        for job_id in jobs:
            assert stack.wait(job_id)["state"] == "JOB_STATE_SUCCEEDED"

        told = [claims_of(stack.events(job_id)) for job_id in jobs]
        for claims in told:
            assert [one["epoch"] for one in claims] == list(range(1, len(claims) + 1))
        taken_over = [[one["previous"] for one in claims].count("running") for claims in told]
        assert sorted(taken_over) == [0, 0, 1, 1]
    for number in range(4):
        assert lives(tmp_path / str(number)) == ["start", "stop"]
