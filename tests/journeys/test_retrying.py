"""A job that failed goes on from its last checkpoint when somebody asks it to."""

from pathlib import Path

import pytest

from tests.journeys import landed
from tests.support.stack import Stack, bare_repository, git, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(90)]


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})


def failing_until(flag: Path, audit: Path) -> tuple[str, str, str]:
    """Three steps; the second dies of a signal as long as there is no `flag`."""
    return (
        f"do: audit {audit}.0\ndo: write one.txt 1\\n",
        f"do: audit {audit}.1\ndo: write two.txt 2\\n\ndo: run test -e {flag} || kill -KILL $PPID",
        f"do: audit {audit}.2\ndo: run cat one.txt two.txt > three.txt",
    )


def starts(audit: Path, step: int) -> int:
    path = audit.with_name(f"{audit.name}.{step}")
    return sum(line.startswith("start") for line in path.read_text().splitlines())


def test_a_retried_job_runs_no_finished_step_again_and_is_published(
    scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    flag, audit = tmp_path / "flag", tmp_path / "audit"
    job_id = scripted.submit(task(remote, *failing_until(flag, audit)))
    assert scripted.wait(job_id)["failure"]["reason"] == "AGENT_SIGNALLED"
    flag.touch()

    retried = scripted.pawl("retry", job_id, "--watch")

    assert retried.returncode == 0, retried.stderr
    job = scripted.job(job_id)
    assert (job["state"], job["outcome"]) == ("JOB_STATE_SUCCEEDED", "JOB_OUTCOME_BRANCH")
    assert [starts(audit, step) for step in range(3)] == [1, 2, 1]
    events = scripted.events(job_id)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    types = [event["type"] for event in events]
    assert types.count("job.retried") == types.count("job.succeeded") == types.count("job.failed")
    branch = job["workingBranch"]
    assert git(remote, "show", f"{branch}:three.txt") == "1\n2"
    assert git(remote, "show", f"{branch}:two.txt") == "2"
    paths = scripted.artifacts(job_id).keys()
    assert {
        "attempts/1/logs/steps/step-0001.log",
        "attempts/1/patches/steps/step-0001.partial.patch",
        "attempts/1/logs/execute.log",
        "logs/steps/step-0001.log",
        "logs/execute.log",
    } <= paths


def test_a_retry_from_an_earlier_step_runs_it_again(
    scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    flag, audit = tmp_path / "flag", tmp_path / "audit"
    job_id = scripted.submit(task(remote, *failing_until(flag, audit)))
    scripted.wait(job_id)
    flag.touch()

    retried = scripted.pawl("retry", job_id, "--from", "0")
    job = scripted.wait(job_id)

    assert retried.stdout.strip() == job_id
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [starts(audit, step) for step in range(3)] == [2, 2, 1]
    assert len(landed.refs_of(remote).split()[0::2]) == 2


def test_a_job_that_cannot_be_retried_says_why(scripted: Stack, remote: Path) -> None:
    job_id = scripted.submit(task(remote, "do: write one.txt 1\\n"))
    scripted.wait(job_id)

    refused = scripted.pawl("retry", job_id)

    assert refused.returncode == 2
    assert "JOB_ENDED" in refused.stderr
    assert "SUCCEEDED" in refused.stderr
