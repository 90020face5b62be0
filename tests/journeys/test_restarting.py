"""Everything is restarted in the middle of many jobs, and no work is lost or done again."""

import contextlib
import signal
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.processes import naming
from tests.support.stack import Stack, bare_repository, git, running_stack, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

JOBS = 20
PATIENCE = 120.0


@dataclass
class Watched:
    """One job, what its agents noted, and what its watchers have heard."""

    job_id: str
    audits: Path
    heard: list[dict[str, Any]] = field(default_factory=list)

    def listen(self, stack: Stack) -> None:
        """Goes on from the last event heard until the job ends or the stream is cut off."""
        after = self.heard[-1]["sequence"] if self.heard else 0
        with contextlib.suppress(grpc.RpcError):
            for event in stack.watch(self.job_id, after=after):
                self.heard.append(event)

    def starts(self) -> Counter[int]:
        """How many agents were started for each step."""
        return Counter(
            {
                step: path.read_text().count("start ")
                for step in range(3)
                if (path := self.audits / str(step)).exists()
            }
        )

    def told(self, kind: str) -> Counter[int]:
        """How many events of a type there are for each step."""
        return Counter(event["stepIndex"] for event in self.heard if event["type"] == kind)


def payload(remote: Path, audits: Path, go: Path) -> dict[str, Any]:
    audits.mkdir()
    return task(
        remote,
        f"do: audit {audits / '0'}\ndo: write one.txt 1",
        f"do: audit {audits / '1'}\ndo: bytes 20000\ndo: wait-for {go}\ndo: run cat one.txt\n"
        "do: write two.txt 2",
        f"do: audit {audits / '2'}\ndo: run cat one.txt two.txt\ndo: write three.txt 3",
    )


def listening(
    threads: ThreadPoolExecutor, stack: Stack, jobs: list[Watched]
) -> list["Future[None]"]:
    return [threads.submit(job.listen, stack) for job in jobs]


def in_mid_job(stack: Stack, jobs: list[Watched]) -> None:
    """Returns once all jobs run, half of them in their second step, as their watchers know."""
    give_up = time.monotonic() + PATIENCE
    while True:
        states = Counter(stack.job(job.job_id)["state"] for job in jobs)
        second = sum(bool(job.starts()[1] and job.told("task.step.finished")[0]) for job in jobs)
        if states == {"JOB_STATE_RUNNING": JOBS} and second >= JOBS // 2:
            return
        assert time.monotonic() < give_up, f"{states}, {second} in the second step"
        time.sleep(0.1)


def test_a_restart_of_everything_in_the_middle_of_twenty_jobs_costs_no_work(
    tmp_path: Path,
) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    go = tmp_path / "go"
    jobs: list[Watched] = []
    with ThreadPoolExecutor(JOBS) as threads:
        with running_stack(tmp_path, PAWL_SLOTS=str(JOBS)) as first:
            for number in range(JOBS):
                audits = tmp_path / f"audits-{number}"
                jobs.append(Watched(first.submit(payload(remote, audits, go)), audits))
            cut_off = listening(threads, first, jobs)
            in_mid_job(first, jobs)

            first.up.send_signal(signal.SIGTERM)
            assert first.up.wait(60) == 0
            for watcher in cut_off:
                watcher.result(30)
        finished = {job.job_id: job.told("task.step.finished") for job in jobs}
        before = {job.job_id: job.starts() for job in jobs}
        go.touch()

        with running_stack(tmp_path, PAWL_SLOTS=str(JOBS)) as second:
            for watcher in listening(threads, second, jobs):
                watcher.result(PATIENCE)
            states = Counter(second.job(job.job_id)["state"] for job in jobs)
            branches = {second.job(job.job_id)["workingBranch"] for job in jobs}

    assert states == {"JOB_STATE_SUCCEEDED": JOBS}
    for job in jobs:
        sequences = [event["sequence"] for event in job.heard]
        assert sequences == list(range(1, len(sequences) + 1)), "a gap or a repeat"
        assert job.heard[-1]["type"] == "job.succeeded"
        # A step that was in flight is adopted, or shown as another attempt.
        assert job.starts() == job.told("task.step.started")
        assert all(
            job.starts()[step] == before[job.job_id][step] == 1 for step in finished[job.job_id]
        )
    assert sum(map(len, finished.values())) >= JOBS // 2
    assert len(branches) == JOBS
    assert branches <= set(git(remote, "for-each-ref", "--format=%(refname:short)").split())
    assert not [job.job_id for job in jobs if naming(job.job_id)]
