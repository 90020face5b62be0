"""What a snapshot takes, and that it takes nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runner.workspace.conftest import Origin
from tests.support.repositories import git, nasty_repository

Make = Callable[[Callable[[Path], Path]], Origin]


async def test_an_untouched_nasty_checkout_gives_exactly_the_base_tree(make_origin: Make) -> None:
    origin = make_origin(nasty_repository)
    workspace = await origin.open()

    taken = await origin.workspaces.snapshot(workspace)

    assert taken.tree == origin.head("HEAD^{tree}")
    assert taken.pack is None
    assert not taken.dropped
    assert not taken.nested


async def test_files_written_again_with_the_same_bytes_stay_what_they_were(
    make_origin: Make,
) -> None:
    origin = make_origin(nasty_repository)
    workspace = await origin.open()
    for path in sorted(workspace.repository.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".git" not in path.parts:
            data = path.read_bytes()
            mode = path.stat().st_mode
            path.unlink()
            path.write_bytes(data)
            path.chmod(mode)

    taken = await origin.workspaces.snapshot(workspace)

    assert origin.listing(taken.tree) == origin.listing("HEAD")
    assert taken.tree == origin.head("HEAD^{tree}")


async def test_the_second_snapshot_of_unchanged_files_is_the_first(origin: Origin) -> None:
    workspace = await origin.open()
    (workspace.repository / "new.txt").write_text("new\n")
    first = await origin.workspaces.snapshot(workspace)

    second = await origin.workspaces.snapshot(origin.workspaces.get("job/1"))

    assert second.tree == first.tree
    assert second.pack is not None  # nobody said that the first one arrived


async def test_changes_of_every_kind_are_taken(origin: Origin) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    (repo / "greeter" / "hello.py").write_text("def hello(): ...\n")
    (repo / "README.md").unlink()
    (repo / "tests" / "test_hello.py").chmod(0o755)
    (repo / "new" / "deep").mkdir(parents=True)
    (repo / "new" / "deep" / "file").write_text("deep\n")
    (repo / "link").symlink_to("new/deep")
    (repo / "empty").mkdir()
    (repo / "debug.log").write_text("ignored\n")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    listing = origin.listing(taken.tree)
    assert set(listing) == {
        ".gitignore",
        "greeter/__init__.py",
        "greeter/hello.py",
        "link",
        "new/deep/file",
        "tests/test_hello.py",
    }
    assert listing["tests/test_hello.py"].startswith("100755")
    assert origin.content(taken.tree, "link") == "new/deep"
    assert origin.content(taken.tree, "greeter/hello.py") == "def hello(): ..."
    assert taken.pack is not None
    assert taken.pack.size == taken.pack.path.stat().st_size


async def test_an_edit_of_the_same_size_right_after_the_checkout_is_seen(origin: Origin) -> None:
    workspace = await origin.open()
    path = workspace.repository / "README.md"
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"# Bleater")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert origin.content(taken.tree, "README.md").startswith("# Bleater")


async def test_many_rewrites_between_snapshots_are_each_seen(origin: Origin) -> None:
    """Edits that keep the size, as fast as the clock's ticks allow."""
    workspace = await origin.open()
    path = workspace.repository / "counter"
    trees = set()

    for number in range(20):
        path.write_text(f"{number:06}")
        trees.add((await origin.workspaces.snapshot(workspace)).tree)

    assert len(trees) == 20


async def test_a_workspace_made_from_a_snapshot_gives_the_same_tree(make_origin: Make) -> None:
    origin = make_origin(nasty_repository)
    first = await origin.open("job/1")
    (first.repository / "stored-crlf.txt").write_bytes(b"one\r\nmore\r\n")
    (first.repository / "plain.txt").unlink()
    (first.repository / "kept.log").unlink()
    (first.repository / "new.bat").write_bytes(b"echo\r\n")
    (first.repository / "build" / "out.txt").write_bytes(b"ignored\n")
    taken = await origin.workspaces.snapshot(first)
    checkpoint = origin.commit_of(taken)

    rebuilt = await origin.open("job/2", files=checkpoint)
    again = await origin.workspaces.snapshot(rebuilt)

    assert again.tree == taken.tree
    assert again.pack is None
    assert git(rebuilt.repository, "rev-parse", "HEAD") == origin.head()
    status = git(rebuilt.repository, "status", "--porcelain").splitlines()
    # Git calls files that were never normalised modified when it looks again.
    assert {line.split()[-1] for line in status} - {"forced/old.txt", "forced/id.txt"} == {
        "stored-crlf.txt",
        "plain.txt",
        "kept.log",
        "new.bat",
    }


async def test_what_the_agent_does_with_git_loses_no_file(origin: Origin) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    (repo / "committed.txt").write_text("committed\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "Mine")
    git(repo, "checkout", "-q", "-b", "side")
    (repo / "staged.txt").write_text("staged\n")
    git(repo, "add", "staged.txt")
    git(repo, "update-index", "--assume-unchanged", "README.md")
    (repo / "README.md").write_text("changed\n")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    listing = origin.listing(taken.tree)
    assert {"committed.txt", "staged.txt"} <= set(listing)
    assert origin.content(taken.tree, "README.md") == "changed"


@pytest.mark.parametrize("shape", ["gone", "file", "link"])
async def test_the_agents_git_folder_does_not_matter(origin: Origin, shape: str) -> None:
    workspace = await origin.open()
    folder = workspace.repository / ".git"
    shutil.rmtree(folder)
    if shape == "file":
        folder.write_text("gitdir: /etc\n")
    if shape == "link":
        folder.symlink_to("/etc")

    taken = await origin.workspaces.snapshot(workspace)

    assert taken.tree == origin.head("HEAD^{tree}")
