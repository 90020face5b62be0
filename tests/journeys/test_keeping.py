"""What is old goes, what a job needs stays, and `pawl doctor` tells of both."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import Stack, bare_repository, git, running_stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]

DAYS = "0.0001"
"""Nine seconds."""
HOURS_AGO = 2 * 3600


def eventually(true: Callable[[], object], otherwise: str, seconds: float = 40) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, otherwise
        time.sleep(0.1)


def examined(stack: Stack) -> dict[str, Any]:
    said = stack.pawl("doctor", "--json")
    document: dict[str, Any] = json.loads(said.stdout)
    assert said.returncode == (0 if document["well"] else 1)
    return document


def left_behind(stack: Stack, job_id: str) -> Path:
    """What an orchestrator that was killed two hours ago had put and not come to list."""
    folder = stack.data_dir / "orchestrator" / "artifacts" / "jobs" / job_id / "segments"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "0123456789abcdef"
    file.write_bytes(b"output")
    then = time.time() - HOURS_AGO
    os.utime(file, (then, then))
    return file


def refs(stack: Stack) -> set[str]:
    """The jobs that have checkpoints."""
    (mirror,) = (stack.data_dir / "orchestrator" / "mirrors").glob("*.git")
    listed = git(mirror, "for-each-ref", "--format=%(refname)", "refs/pawl/")
    return {ref.split("/")[2] for ref in listed.split()}


def test_exactly_what_may_go_goes(tmp_path: Path) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    flag = tmp_path / "flag"
    with running_stack(
        tmp_path,
        PAWL_COLLECT_SECONDS="1",
        PAWL_ARTIFACT_RETENTION_DAYS=DAYS,
        PAWL_CHECKPOINT_RETENTION_DAYS=DAYS,
    ) as stack:
        waits = stack.submit(
            task(remote, "do: write one.txt 1\\n", f"do: wait-for {flag}\ndo: write two.txt 2\\n")
        )
        done = stack.submit(task(remote, "do: write mine.txt 1\\n"))
        stack.wait(done)
        events = stack.events(done)
        failed = stack.submit(task(remote, "do: write half.txt 1\\n", "do: exit 7"))
        assert stack.wait(failed)["state"] == "JOB_STATE_FAILED"
        stack.wait_for_event(waits, "task.step.started", step_index=1)
        orphans = {one: left_behind(stack, one) for one in (done, waits, "of-another-store")}

        eventually(lambda: not stack.artifacts(failed), "the failed job's artifacts stay")
        eventually(lambda: refs(stack) == {waits}, "checkpoints of ended jobs stay")
        eventually(lambda: not orphans[done].exists(), "what a killed orchestrator left stays")

        assert stack.artifacts(done) == {}
        assert stack.events(done) == events
        assert orphans[waits].exists()
        assert orphans["of-another-store"].exists()
        assert {"task_context.json", "logs/steps/step-0000.log"} <= stack.artifacts(waits).keys()
        retried = stack.pawl("retry", failed)
        assert (retried.returncode, "CHECKPOINT_GONE" in retried.stderr) == (2, True)
        flag.touch()
        assert stack.wait(waits)["state"] == "JOB_STATE_SUCCEEDED"
        assert git(remote, "show", f"{stack.job(waits)['workingBranch']}:two.txt") == "2"


def test_the_doctor_tells_what_is_kept_and_what_is_wrong(tmp_path: Path) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    with running_stack(tmp_path, PAWL_COLLECT_SECONDS="1") as stack:
        job_id = stack.submit(task(remote, "do: write one.txt 1\\n"))
        stack.wait(job_id)
        eventually(lambda: _counted(examined(stack)), "nothing is measured")

        document = examined(stack)
        said = stack.pawl("doctor")

        assert document["well"], document["findings"]
        assert "NOT_ISOLATED" in {one["reason"] for one in document["findings"]}
        assert abs(document["clockOffsetSeconds"]) < 5
        assert said.returncode == 0
        assert "orchestrator\tmirrors\t1\t" in said.stdout
        assert "orchestrator\tdatabase\t1\t" in said.stdout
        (runner,) = document["runners"]
        assert f"runner {runner['runnerId'][:8]}\tcaches\t1\t" in said.stdout
        assert runner["storage"]["gitVersion"] == document["storage"]["gitVersion"] != ""

    gone = stack.pawl("doctor")
    assert gone.returncode == 4


def _counted(document: dict[str, Any]) -> bool:
    """Both services have measured what the job left."""
    stored = {use["kind"]: use for use in document["storage"]["uses"]}
    (runner,) = document["runners"]
    held = {use["kind"]: use for use in runner["storage"]["uses"]}
    return (
        int(stored.get("artifacts", {}).get("count", 0)) > 3
        and stored["mirrors"]["count"] == "1"
        and held.get("caches", {}).get("count") == "1"
    )
