"""That `make check` sees a change of the protos that leaves clients behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TITLE = "string title = 2;"
OWNER = "string owner = 3;"


class Repository:
    """A small repository with one message in its protos."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")

    def write(self, *fields: str) -> None:
        """Gives the message an id and these fields."""
        (self.root / "buf.yaml").write_text((ROOT / "buf.yaml").read_text())
        file = self.root / "protos" / "toy" / "v1" / "toy.proto"
        file.parent.mkdir(parents=True, exist_ok=True)
        body = "\n".join(("string id = 1;", *fields))
        file.write_text(f'syntax = "proto3";\npackage toy.v1;\nmessage Toy {{\n{body}\n}}\n')

    def commit(self, *fields: str) -> None:
        self.write(*fields)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Change the toy")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, env=self.environment(), check=True)

    def check(self) -> "subprocess.CompletedProcess[str]":
        """What the script says of the repository as it is."""
        return subprocess.run(
            [sys.executable, ROOT / "build_hooks" / "breaking.py", self.root],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Test"), ("EMAIL", "test@example.invalid"))
        }
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / ".home"),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            **identity,
        }


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_field_that_the_last_commit_removed_is_named(repository: Repository) -> None:
    repository.commit(TITLE)
    repository.commit()

    told = repository.check()

    assert told.returncode == 1
    assert '"title" on message "Toy" was deleted' in told.stdout


def test_a_field_removed_and_not_committed_yet_is_named(repository: Repository) -> None:
    repository.commit(TITLE)
    repository.write()

    told = repository.check()

    assert told.returncode == 1
    assert '"title" on message "Toy" was deleted' in told.stdout


def test_a_field_that_a_branch_removed_before_its_last_commit_is_named(
    repository: Repository,
) -> None:
    repository.commit(TITLE)
    repository.git("switch", "--quiet", "--create", "work")
    repository.commit()
    repository.commit(OWNER)

    told = repository.check()

    assert told.returncode == 1
    assert '"title" on message "Toy" was deleted' in told.stdout


def test_a_field_that_was_added_breaks_nothing(repository: Repository) -> None:
    repository.commit(TITLE)
    repository.commit(TITLE, OWNER)

    told = repository.check()

    assert told.returncode == 0, told.stdout
    assert told.stdout.count("buf breaking: against") == 2


def test_a_field_that_was_reserved_breaks_nothing(repository: Repository) -> None:
    repository.commit(TITLE)
    repository.commit('reserved 2; reserved "title";')

    assert repository.check().returncode == 0


def test_the_first_commit_has_nothing_to_break(repository: Repository) -> None:
    repository.commit(TITLE)

    told = repository.check()

    assert told.returncode == 0, told.stdout


def test_the_first_protos_have_nothing_to_break(repository: Repository) -> None:
    (repository.root / "README.md").write_text("A toy.\n")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message", "Begin")
    repository.write(TITLE)

    told = repository.check()

    assert told.returncode == 0
    assert told.stdout == "buf breaking: no earlier protos to compare with\n"


def test_a_shallow_clone_is_compared_with_what_it_has(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit(TITLE)
    repository.commit()
    repository.git("clone", "--quiet", "--depth=1", repository.root.as_uri(), "shallow")

    told = Repository(tmp_path / "shallow").check()

    assert told.returncode == 0, told.stdout
    assert told.stdout.count("buf breaking: against") == 1
