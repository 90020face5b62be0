"""Three steps run in one workspace, in order, and land as one commit."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import landed
from tests.support import clis
from tests.support.repositories import git
from tests.support.stack import Stack, bare_repository, task, until

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]

AGENTS = ("scripted", *clis.NAMES)
FILES = {
    ".gitignore": "build/\n",
    "gone.txt": "to be removed\n",
    "hello.txt": "hello\n",
    "tool.sh": "#!/bin/sh\necho tool\n",
}
STEP = ["task.step.started", "task.step.finished"]
EVENTS = [
    "job.submitted",
    "job.claimed",
    "task.stage.started",
    "task.git.defaultBranchResolved",
    "task.git.branchesResolved",
    "task.workspace.prepared",
    "task.stage.finished",
    "task.stage.started",
    "task.steps.plan",
    *STEP * 3,
    "task.stage.finished",
    "task.stage.started",
    "task.publish.intentRecorded",
    "task.publish.branchPushed",
    "task.stage.finished",
    "job.succeeded",
]


@dataclass(frozen=True)
class Done:
    """A job that has ended, and all that was told of it."""

    stack: Stack
    remote: Path
    seen: Path
    """Where each step noted its folder, a line a step."""
    job: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def job_id(self) -> str:
        return str(self.job["jobId"])

    @property
    def base(self) -> str:
        return str(self.job["baseCommit"])

    @property
    def branch(self) -> str:
        return str(self.job["workingBranch"])

    def artifact(self, path: str) -> bytes:
        return self.stack.artifact(self.job_id, path)


def scripts(seen: Path) -> list[str]:
    """What the three steps do, by tools that every agent has."""
    return [
        f"do: run pwd >> {seen}\n"
        "do: append hello.txt and good day\\n\n"
        "do: write notes/new.txt first\\n\n"
        "do: write build/out.txt ignored\\n\n"
        "do: say One.",
        f"do: run pwd >> {seen}\n"
        "do: run cat hello.txt notes/new.txt build/out.txt > seen.txt\n"
        "do: run git checkout -q -b side && git add -A && git commit -q -m Mine\n"
        "do: say Two.",
        f"do: run pwd >> {seen}\n"
        "do: run rm gone.txt && chmod +x tool.sh\n"
        "do: append notes/new.txt third\\n\n"
        "do: say Three.",
    ]


@dataclass(frozen=True)
class Begun:
    """A job that was submitted."""

    stack: Stack
    remote: Path
    seen: Path
    job_id: str


@pytest.fixture(scope="module")
def begun(
    scripted: Stack, real: Stack, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Begun]:
    """The same job for each agent, at the same time since most of it is waiting."""
    jobs: dict[str, Begun] = {}
    for agent in AGENTS:
        folder = tmp_path_factory.mktemp(agent)
        remote, seen = bare_repository(folder / "remote.git", FILES), folder / "seen"
        stack, runtime = (scripted, "codex") if agent == "scripted" else (real, agent)
        job_id = stack.submit(task(remote, *scripts(seen), runtime=runtime))
        jobs[agent] = Begun(stack, remote, seen, job_id)
    return jobs


@pytest.fixture(scope="module", params=AGENTS)
def done(request: pytest.FixtureRequest, begun: dict[str, Begun]) -> Done:
    """One of them, ended."""
    job = begun[request.param]
    ended = job.stack.wait(job.job_id, seconds=100)
    return Done(job.stack, job.remote, job.seen, ended, job.stack.events(job.job_id))


def test_the_job_ends_as_a_branch(done: Done) -> None:
    assert (done.job["state"], done.job["outcome"]) == (
        "JOB_STATE_SUCCEEDED",
        "JOB_OUTCOME_BRANCH",
    ), done.job.get("failure")
    assert done.job["publishedCommit"] == git(done.remote, "rev-parse", done.branch)


def test_the_events_come_in_order_and_without_a_gap(done: Done) -> None:
    assert [event["type"] for event in done.events] == EVENTS
    assert [event["sequence"] for event in done.events] == list(range(1, len(EVENTS) + 1))
    assert done.job["lastSequence"] == len(EVENTS)


def test_one_claim_runs_each_step_once(done: Done) -> None:
    assert [event["payload"]["epoch"] for event in landed.of_type(done.events, "job.claimed")] == [
        1
    ]
    assert (done.job["epoch"], done.job["attempt"]) == (1, 1)
    told = [
        (event["stepIndex"], event["payload"]["stepIndex"], event["attempt"])
        for event in landed.of_type(done.events, "task.step.started")
    ]
    assert told == [(0, 0, 1), (1, 1, 1), (2, 2, 1)]
    assert {step["state"] for step in done.job["steps"]} == {"STEP_STATE_SUCCEEDED"}


def test_the_steps_run_one_after_the_other(done: Done) -> None:
    steps = done.job["steps"]
    times = [
        datetime.fromisoformat(moment)
        for step in steps
        for moment in (step["startTime"], step["endTime"])
    ]
    assert times == sorted(times)


def test_all_steps_share_one_workspace_that_is_gone_afterwards(done: Done) -> None:
    first, *others = done.seen.read_text().splitlines()
    assert others == [first, first]
    workspace = done.stack.data_dir / "runner" / "workspaces" / done.job_id / "1"
    assert Path(first) == workspace / "repo"
    until(lambda: not workspace.exists())


def test_a_step_sees_what_the_one_before_it_wrote(done: Done) -> None:
    seen = landed.text_of(done.remote, done.branch, "seen.txt")
    assert seen.splitlines() == ["hello", "and good day", "first", "ignored"]


def test_each_step_has_a_patch_of_its_own(done: Done, tmp_path: Path) -> None:
    patches = landed.read_patches(done.stack, done.job_id, 3)

    assert [landed.names_in(patch) for patch in patches] == [
        {"hello.txt", "notes/new.txt"},
        {"seen.txt"},
        {"gone.txt", "tool.sh", "notes/new.txt"},
    ]
    trees = [
        landed.patched_tree(done.remote, done.base, patches[: count + 1], tmp_path / str(count))
        for count in range(3)
    ]
    assert trees == landed.checkpoints(done.events)


def test_the_whole_patch_gives_the_tree_of_the_branch(done: Done, tmp_path: Path) -> None:
    whole = done.artifact("patches/changes.patch")
    made = landed.patched_tree(done.remote, done.base, [whole], tmp_path / "clone")
    assert made == landed.tree_of(done.remote, done.branch)


def test_the_branch_is_one_commit_whose_tree_is_the_last_checkpoint(done: Done) -> None:
    assert git(done.remote, "rev-list", "--parents", done.branch, f"^{done.base}") == (
        f"{done.job['publishedCommit']} {done.base}"
    )
    assert landed.tree_of(done.remote, done.branch) == landed.checkpoints(done.events)[-1]
    refs = landed.refs_of(done.remote).splitlines()
    assert {ref.split()[0] for ref in refs} == {"refs/heads/main", f"refs/heads/{done.branch}"}


def test_nothing_but_the_agents_files_is_in_the_branch(done: Done) -> None:
    assert landed.files_of(done.remote, done.branch) == {
        ".gitignore",
        "hello.txt",
        "notes/new.txt",
        "seen.txt",
        "tool.sh",
    }
    mode = git(done.remote, "ls-tree", done.branch, "tool.sh").split()[0]
    assert mode == "100755"


def test_the_log_and_the_summary_of_each_step_are_its_own(done: Done) -> None:
    for index, word in enumerate(("One.", "Two.", "Three.")):
        log = done.artifact(f"logs/steps/step-{index:04}.log")
        lines = done.artifact(f"logs/steps/step-{index:04}.jsonl").splitlines()
        others = {b"One.", b"Two.", b"Three."} - {word.encode()}
        assert all(isinstance(json.loads(line), dict) for line in lines)
        assert word.encode() in log
        assert not any(other in log for other in others)
        assert done.job["steps"][index]["summary"] == word
        assert int(done.job["steps"][index]["usage"]["inputTokens"]) > 0


def test_what_each_agent_did_is_kept_in_words_that_fit_all(done: Done) -> None:
    for index, word in enumerate(("One.", "Two.", "Three.")):
        text = done.artifact(f"logs/steps/step-{index:04}.activity.jsonl")
        told = [json.loads(line) for line in text.splitlines()]
        assert [one["index"] for one in told] == list(range(len(told)))
        assert word in [one["text"] for one in told if one["kind"] == "message"]
        assert {"tool_call", "file_change"} & {one["kind"] for one in told}
        assert [one["createTime"] for one in told] == sorted(one["createTime"] for one in told)


def test_every_artifact_is_what_its_digest_says(done: Done) -> None:
    listed = done.stack.artifacts(done.job_id)
    for path, artifact in listed.items():
        data = done.artifact(path)
        assert artifact["sizeBytes"] == len(data), path
        assert artifact["sha256"] == hashlib.sha256(data).hexdigest(), path
    assert {"task_context.json", "publish_result.json"} <= listed.keys()
    assert {f"logs/{stage}.log" for stage in ("prepare", "execute", "publish")} <= listed.keys()
