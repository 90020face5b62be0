"""Two orchestrators on one database share the jobs between them, and none is driven twice."""

import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.test_killing import until
from tests.support.stack import LEAVE_SECONDS, Stack, bare_repository, git, running_stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]

JOBS = 20


@contextlib.contextmanager
def another_orchestrator(stack: Stack, folder: Path) -> Iterator[None]:
    """One more of what `pawl up` has started, on a port of its own, for the length of the block."""
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
            yield
            second.terminate()
            assert second.wait(LEAVE_SECONDS) == 0
        finally:
            second.kill()


def test_each_job_is_claimed_once_and_both_claim_some(tmp_path: Path) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    audits = tmp_path / "audits"
    audits.mkdir()
    with (
        running_stack(
            tmp_path, PAWL_SLOTS="4", PAWL_MAX_JOBS="2", PAWL_POLL_SECONDS="0.2"
        ) as stack,
        another_orchestrator(stack, tmp_path),
    ):
        jobs = [
            stack.submit(
                task(remote, f"do: audit {audits / str(number)}\ndo: write {number}.txt 1")
            )
            for number in range(JOBS)
        ]
        owners: Counter[str] = Counter()
        branches: set[str] = set()
        for job_id in jobs:
            job = stack.wait(job_id, seconds=120)
            assert (job["state"], job["attempt"]) == ("JOB_STATE_SUCCEEDED", 1)
            events = stack.events(job_id)
            claims = [one["payload"] for one in events if one["type"] == "job.claimed"]
            assert [one["epoch"] for one in claims] == list(range(1, len(claims) + 1))
            # It may go back to the queue for want of a slot; no owner was lost.
            assert {one["previous"] for one in claims} == {"queued"}
            assert [one["type"] for one in events].count("job.succeeded") == 1
            branches.add(job["workingBranch"])
            owners.update(one["owner"] for one in claims[-1:])

    assert len(owners) == 2
    assert sum(owners.values()) == JOBS
    for number in range(JOBS):
        lives = [line.split()[0] for line in (audits / str(number)).read_text().splitlines()]
        assert lives == ["start", "stop"]
    landed = git(remote, "branch", "--list", "--format=%(refname:short)").split()
    assert sorted(landed) == sorted(["main", *branches])
