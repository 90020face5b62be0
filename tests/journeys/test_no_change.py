"""A job that changes nothing leaves exactly the base tree, whatever the repository holds."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import landed
from tests.support import clis
from tests.support.repositories import git, nasty_repository
from tests.support.stack import Stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(90)]

TOUCH = "find . -path ./.git -prune -o -type f -exec touch {} +"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    work = nasty_repository(tmp_path / "work")
    bare = tmp_path / "remote.git"
    git(tmp_path, "clone", "-q", "--bare", str(work), str(bare))
    return bare


def ended(stack: Stack, job_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return stack.wait(job_id, seconds=60), stack.events(job_id)


def assert_nothing_changed(
    stack: Stack, remote: Path, before: str, job: dict[str, Any], events: list[dict[str, Any]]
) -> None:
    base = landed.tree_of(remote, "main")
    assert (job["state"], job["outcome"]) == ("JOB_STATE_SUCCEEDED", "JOB_OUTCOME_NO_CHANGES"), job
    assert set(landed.checkpoints(events)) == {base}
    finished = landed.of_type(events, "task.step.finished")
    assert not any(event["payload"]["changed"] for event in finished)
    assert landed.of_type(events, "task.publish.skipped")[0]["payload"] == {"reason": "NO_CHANGES"}
    assert not landed.of_type(events, "task.publish.intentRecorded")
    assert landed.refs_of(remote) == before
    paths = stack.artifacts(str(job["jobId"]))
    assert not [path for path in paths if path.startswith(("patches/", "git/"))]


@pytest.mark.parametrize("runtime", clis.NAMES)
def test_a_real_agent_that_only_looks_changes_nothing(
    real: Stack, remote: Path, runtime: str
) -> None:
    before = landed.refs_of(remote)
    script = "do: read plain.txt\ndo: run git status --short\ndo: say Nothing to do."

    job, events = ended(real, real.submit(task(remote, script, runtime=runtime)))

    assert_nothing_changed(real, remote, before, job, events)


def test_three_steps_that_only_talk_change_nothing(scripted: Stack, remote: Path) -> None:
    before = landed.refs_of(remote)

    job, events = ended(scripted, scripted.submit(task(remote, *["do: say Nothing."] * 3)))

    assert_nothing_changed(scripted, remote, before, job, events)


def test_touched_and_rewritten_files_are_no_change(scripted: Stack, remote: Path) -> None:
    """Without new bytes there is no change, though each file's time and number is another."""
    before = landed.refs_of(remote)
    steps = (
        f"do: run {TOUCH}",
        "do: run cp -a . ../copy && find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +"
        " && rm -rf ../copy/.git && cp -a ../copy/. . && rm -rf ../copy",
        "do: write made.txt made\\n\ndo: run rm made.txt",
    )

    job, events = ended(scripted, scripted.submit(task(remote, *steps)))

    assert_nothing_changed(scripted, remote, before, job, events)


def test_a_workspace_that_is_made_anew_between_two_steps_changes_nothing(
    scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    before = landed.refs_of(remote)
    audit, go = tmp_path / "audit", tmp_path / "go"
    second = f"do: run {TOUCH}\ndo: audit {audit}\ndo: wait-for {go}"
    job_id = scripted.submit(task(remote, f"do: run {TOUCH}", second))

    agent = _first_pid(scripted, job_id, audit)
    keeper = int(Path(f"/proc/{agent}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    scripted.wait_for_event(job_id, "task.step.lost", step_index=1)
    go.touch()

    job, events = ended(scripted, job_id)
    assert_nothing_changed(scripted, remote, before, job, events)
    (rebuilt,) = landed.of_type(events, "task.workspace.rebuilt")
    assert rebuilt["payload"]["workspaceId"] == f"{job_id}/2"
    assert [step["attempt"] for step in job["steps"]] == [1, 2]


def _first_pid(stack: Stack, job_id: str, audit: Path) -> int:
    """The agent of the second step, once it waits."""
    stack.wait_for_event(job_id, "task.step.started", step_index=1)
    while not audit.exists() or not audit.read_text().endswith("\n"):
        assert stack.job(job_id)["state"] == "JOB_STATE_RUNNING"
    return int(audit.read_text().split()[1])
