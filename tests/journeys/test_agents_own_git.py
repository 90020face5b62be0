"""What an agent does with git itself loses no work and reaches no remote."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import landed
from tests.support.repositories import git
from tests.support.stack import Stack, bare_repository, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(60)]


@dataclass(frozen=True)
class Done:
    """A job that has ended well, and all that was told of it."""

    stack: Stack
    remote: Path
    job: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def branch(self) -> str:
        return str(self.job["workingBranch"])

    def left(self) -> dict[int, dict[str, str]]:
        """What each step left only in git: subject by the name it was found under."""
        told = landed.of_type(self.events, "task.step.leftInGit")
        return {
            event["stepIndex"]: {one["ref"]: one["subject"] for one in event["payload"]["left"]}
            for event in told
        }

    def unpack(self, step_index: int, folder: Path) -> dict[str, str]:
        """Puts a step's pack into a clone of the origin; the commits it was told to hold."""
        (told,) = [
            event["payload"]
            for event in landed.of_type(self.events, "task.step.leftInGit")
            if event["stepIndex"] == step_index
        ]
        pack = self.stack.artifact(str(self.job["jobId"]), told["artifact"])
        git(folder.parent, "clone", "-q", "--bare", str(self.remote), str(folder))
        git(folder, "index-pack", "--stdin", data=pack)
        return {one["ref"]: one["commit"] for one in told["left"]}


def run(stack: Stack, folder: Path, *scripts: str) -> Done:
    remote = bare_repository(folder / "remote.git", {"hello.txt": "hello\n", "old.txt": "old\n"})
    job_id = stack.submit(task(remote, *scripts))
    job = stack.wait(job_id, seconds=40)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    return Done(stack, remote, job, stack.events(job_id))


def test_commits_and_branches_of_the_agent_become_the_one_commit(
    scripted: Stack, tmp_path: Path
) -> None:
    done = run(
        scripted,
        tmp_path,
        "do: write one.txt 1\ndo: run git add . && git commit -q -m One",
        "do: run git checkout -q -b mine\n"
        "do: write two.txt 2\n"
        "do: run git rm -q old.txt && git add . && git commit -q -m Two",
        "do: run git checkout -q --detach\ndo: write three.txt 3\ndo: run git add three.txt",
    )

    assert landed.files_of(done.remote, done.branch) == {
        "hello.txt",
        "one.txt",
        "two.txt",
        "three.txt",
    }
    base = done.job["baseCommit"]
    assert git(done.remote, "rev-list", "--count", f"{base}..{done.branch}") == "1"
    assert "refs/heads/mine" not in landed.refs_of(done.remote)
    # All of it shows in files, so nothing is left in git alone.
    assert done.left() == {}


def test_files_survive_a_step_that_throws_its_commits_away(scripted: Stack, tmp_path: Path) -> None:
    done = run(
        scripted,
        tmp_path,
        "do: write one.txt 1\ndo: run git add . && git commit -q -m One",
        "do: run git reset -q --soft HEAD~1 && rm -rf .git/logs && git branch -q -D main",
        "do: run rm -rf .git\ndo: write two.txt 2",
    )

    assert landed.files_of(done.remote, done.branch) == {
        "hello.txt",
        "old.txt",
        "one.txt",
        "two.txt",
    }


def test_stashes_other_branches_and_dropped_commits_are_found(
    scripted: Stack, tmp_path: Path
) -> None:
    done = run(
        scripted,
        tmp_path,
        "do: append hello.txt stashed\\n\n"
        "do: write untracked.txt stashed, too\\n\n"
        "do: run git stash push -q --include-untracked -m Later\n"
        "do: write kept.txt kept\\n",
        "do: run git stash list > stashes.txt\n"
        "do: run echo lost > lost.txt && git add lost.txt && git commit -q -m Lost"
        " && git reset -q --hard HEAD~1\n"
        "do: run git stash list > stashes.txt\n"
        "do: write kept.txt kept\\n",
        "do: run here=$(git symbolic-ref --short HEAD) && git checkout -q -b aside"
        " && echo aside > aside.txt && git add aside.txt && git commit -q -m Aside"
        " && git checkout -q $here",
    )

    assert landed.files_of(done.remote, done.branch) == {
        "hello.txt",
        "kept.txt",
        "old.txt",
        "stashes.txt",
    }
    assert "Later" in landed.text_of(done.remote, done.branch, "stashes.txt")
    left = done.left()
    # What was told once is not told again.
    assert left.keys() == {0, 1, 2}
    assert left[0].keys() == {"refs/stash@{0}"}
    assert left[0]["refs/stash@{0}"].endswith(": Later")
    assert list(left[1].values()) == ["Lost"]
    assert left[2] == {"refs/heads/aside": "Aside"}


def test_the_packs_hold_what_was_left(scripted: Stack, tmp_path: Path) -> None:
    done = run(
        scripted,
        tmp_path,
        "do: append hello.txt stashed\\n\n"
        "do: write untracked.txt stashed, too\\n\n"
        "do: run git stash push -q --include-untracked -m Later",
        "do: run git checkout -q -b aside && echo 1 > aside.txt && git add aside.txt"
        " && git commit -q -m One && echo 2 >> aside.txt && git commit -q -a -m Two"
        " && git checkout -q -\n"
        "do: write kept.txt kept\\n",
    )

    stash = done.unpack(0, tmp_path / "first.git")["refs/stash@{0}"]
    aside = done.unpack(1, tmp_path / "second.git")["refs/heads/aside"]

    first, second = tmp_path / "first.git", tmp_path / "second.git"
    assert landed.text_of(first, stash, "hello.txt") == "hello\nstashed"
    assert landed.text_of(first, f"{stash}^3", "untracked.txt") == "stashed, too"
    assert landed.text_of(second, aside, "aside.txt") == "1\n2"
    assert git(second, "log", "--format=%s", aside, "^main").splitlines() == ["Two", "One"]
    for repository, commit in ((first, stash), (second, aside)):
        git(repository, "update-ref", "refs/heads/saved", commit)
        git(repository, "fsck", "--strict", "--connectivity-only")


def test_a_failed_step_s_stash_is_kept_as_well(scripted: Stack, tmp_path: Path) -> None:
    remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
    script = "do: append hello.txt more\\n\ndo: run git stash -q\ndo: exit 3"
    job_id = scripted.submit(task(remote, script))

    job = scripted.wait(job_id, seconds=40)

    done = Done(scripted, remote, job, scripted.events(job_id))
    assert job["state"] == "JOB_STATE_FAILED"
    assert done.left()[0].keys() == {"refs/stash@{0}"}
    stash = done.unpack(0, tmp_path / "clone.git")["refs/stash@{0}"]
    assert landed.text_of(tmp_path / "clone.git", stash, "hello.txt") == "hello\nmore"
