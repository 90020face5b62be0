"""Reads what a job left in its remote and in its artifacts, by git alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.repositories import git
from tests.support.stack import Stack


def tree_of(repository: Path, revision: str) -> str:
    """The id of a revision's tree."""
    return git(repository, "rev-parse", "--verify", f"{revision}^{{tree}}")


def files_of(repository: Path, revision: str) -> set[str]:
    """The path of every file in a revision, odd ones quoted as git does."""
    return set(git(repository, "ls-tree", "-r", "--name-only", revision).splitlines())


def text_of(repository: Path, revision: str, path: str) -> str:
    """A file of a revision, stripped."""
    return git(repository, "show", f"{revision}:{path}")


def refs_of(repository: Path) -> str:
    """Every ref with its commit."""
    return git(repository, "for-each-ref", "--format=%(refname) %(objectname)")


def patched_tree(repository: Path, base: str, patches: Sequence[bytes], folder: Path) -> str:
    """The tree that patches, one upon the other, make of a commit, in a clone at `folder`."""
    git(folder.parent, "clone", "-q", "--no-checkout", str(repository), str(folder))
    git(folder, "read-tree", base)
    for patch in patches:
        git(folder, "apply", "--cached", "-", data=patch)
    return git(folder, "write-tree")


def names_in(patch: bytes) -> set[str]:
    """The files that a patch touches."""
    lines = patch.decode().splitlines()
    return {line.split(" b/")[-1] for line in lines if line.startswith("diff --git ")}


def checkpoints(events: Sequence[dict[str, Any]]) -> list[str]:
    """The tree of each finished step, in order."""
    return [event["payload"]["tree"] for event in of_type(events, "task.step.finished")]


def of_type(events: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The events of one type, in order."""
    return [event for event in events if event["type"] == kind]


def read_patches(stack: Stack, job_id: str, steps: int) -> list[bytes]:
    """The patch of each of the first steps; every one must be there."""
    paths = [f"patches/steps/step-{index:04}.patch" for index in range(steps)]
    return [stack.artifact(job_id, path) for path in paths]
