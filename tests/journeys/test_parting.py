"""A runner out of reach ends its run before another one begins it again."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import alive, naming
from tests.support.stack import bare_repository, git, task
from tests.support.wired_stack import wired_stack

pytestmark = [pytest.mark.journey, pytest.mark.timeout(150)]

RUN_LEASE_SECONDS = 6.0


def starts(audit: Path) -> list[tuple[int, float]]:
    """The pid and the time of each agent that began."""
    if not audit.exists():
        return []
    lines = [line.split() for line in audit.read_text().splitlines()]
    return [(int(line[1]), float(line[2])) for line in lines if line[0] == "start"]


def begun(audit: Path, number: int, seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while len(starts(audit)) < number:
        assert time.monotonic() < give_up, f"no agent number {number} within {seconds:g} s"
        time.sleep(0.01)


def test_two_agents_of_one_job_never_live_at_once(tmp_path: Path) -> None:
    """What the orchestrator said into the broken line arrives in the end, and revives nothing."""
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    audit, go = tmp_path / "audit", tmp_path / "go"
    script = f"do: audit {audit}\ndo: wait-for {go}\ndo: write new.txt new"
    environment: dict[str, Any] = {
        "PAWL_LEASE_SECONDS": "3",
        "PAWL_POLL_SECONDS": "0.5",
        "PAWL_RUN_LEASE_SECONDS": f"{RUN_LEASE_SECONDS:g}",
        "PAWL_PACE": "0.1",
    }
    with wired_stack(tmp_path, spare=True, **environment) as (stack, proxy):
        job_id = stack.submit(task(remote, script))
        begun(audit, 1, 30)

        with proxy.blackhole():
            begun(audit, 2, 90)
            [(first, since), (second, until)] = starts(audit)
            lives = [alive(first), alive(second)]
        go.touch()
        job = stack.wait(job_id)
        events = [event["type"] for event in stack.events(job_id)]

    assert lives == [False, True]
    assert until - since > RUN_LEASE_SECONDS
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [step["attempt"] for step in job["steps"]] == [2]
    assert len(starts(audit)) == 2
    assert events.count("task.step.lost") == events.count("task.workspace.rebuilt") == 1
    assert git(remote, "rev-list", "--count", f"main..{job['workingBranch']}") == "1"
    assert not naming(job_id)
