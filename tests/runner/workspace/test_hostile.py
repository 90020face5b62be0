"""What an agent may plant in its workspace, and that a snapshot neither runs nor follows it."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from pawl.wire.errors import FailedPrecondition
from services.runner.workspace.walk import Bounds
from services.runner.workspace.workspaces import Workspaces
from tests.runner.workspace.conftest import Origin
from tests.support.repositories import git, sample_repository


def plant_config(repo: Path, canary: Path) -> None:
    """Every way a repository's configuration can name a program."""
    run = f"touch {canary}; cat"
    for name in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "diff.external",
        "diff.evil.textconv",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "filter.lfs.clean",
        "gpg.program",
        "uploadpack.packObjectsHook",
    ):
        git(repo, "config", name, run)
    git(repo, "config", "core.hooksPath", "hooks")
    for folder in (repo / "hooks", repo / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for name in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction"):
            (folder / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
            (folder / name).chmod(0o755)
    (repo / ".gitattributes").write_text("* filter=evil diff=evil\n*.bin filter=lfs\n")
    (repo / "some.bin").write_text("filtered\n")


async def test_no_planted_filter_hook_or_monitor_runs(origin: Origin, tmp_path: Path) -> None:
    workspace = await origin.open()
    canary = tmp_path / "canary"
    plant_config(workspace.repository, canary)

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert not canary.exists()
    assert origin.content(taken.tree, "some.bin") == "filtered"


async def test_the_files_of_nested_repositories_are_taken_as_files(
    origin: Origin, tmp_path: Path
) -> None:
    """`git add` would run the filters of the inner repository, and take a gitlink."""
    workspace = await origin.open()
    canary = tmp_path / "canary"
    inner = sample_repository(workspace.repository / "vendor" / "inner")
    plant_config(inner, canary)
    (inner / "debug.log").write_text("ignored by the inner rules\n")
    bare = workspace.repository / "bare"
    git(workspace.repository, "init", "-q", "--bare", str(bare))
    gitfile = workspace.repository / "linked"
    gitfile.mkdir()
    (gitfile / ".git").write_text("gitdir: ../.git\n")
    (gitfile / "file").write_text("file\n")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    listing = origin.listing(taken.tree)
    assert not canary.exists()
    assert set(taken.nested) == {"vendor/inner", "linked"}
    assert {"vendor/inner/greeter/hello.py", "linked/file", "bare/HEAD"} <= set(listing)
    assert "vendor/inner/debug.log" not in listing
    assert not [path for path in listing if ".git" in path.split("/")]
    assert {facts.split()[0] for facts in listing.values()} <= {"100644", "100755"}


async def test_special_files_are_dropped_and_reported(origin: Origin) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    os.mkfifo(repo / "pipe")
    os.mkfifo(repo / "greeter" / ".gitignore")
    (repo / "README.md").unlink()
    os.mkfifo(repo / "README.md")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(repo)  # a socket's path may have 108 bytes only
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert set(taken.dropped) == {
        "README.md: named pipe",
        "greeter/.gitignore: named pipe",
        "pipe: named pipe",
        "socket: socket",
    }
    assert "README.md" not in origin.listing(taken.tree)


async def test_links_are_stored_and_never_followed(origin: Origin, tmp_path: Path) -> None:
    workspace = await origin.open()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "hello.py").write_text("not yours\n")
    repo = workspace.repository
    (repo / "out").symlink_to(secret)
    (repo / "file").symlink_to(secret / "hello.py")
    (repo / "greeter").rename(repo / "moved")
    (repo / "greeter").symlink_to(secret)
    (repo / "tests" / ".gitignore").symlink_to(secret / "hello.py")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    listing = origin.listing(taken.tree)
    assert origin.content(taken.tree, "greeter") == str(secret)
    assert {path for path, facts in listing.items() if facts.startswith("120000")} == {
        "out",
        "file",
        "greeter",
        "tests/.gitignore",
    }
    assert "greeter/hello.py" not in listing
    assert "moved/hello.py" in listing


@pytest.mark.parametrize("shape", ["gone", "link", "file"])
async def test_a_root_that_is_no_folder_any_more_is_refused(origin: Origin, shape: str) -> None:
    workspace = await origin.open()
    aside = workspace.directory / "aside"
    workspace.repository.rename(aside)
    if shape == "link":
        workspace.repository.symlink_to(aside)
    if shape == "file":
        workspace.repository.write_text("")

    with pytest.raises(FailedPrecondition) as refused:
        await origin.workspaces.snapshot(workspace)

    assert refused.value.reason == "RESULT_REJECTED"


async def test_a_folder_that_keeps_becoming_a_link_shows_nothing_of_elsewhere(
    origin: Origin, tmp_path: Path
) -> None:
    workspace = await origin.open()
    secret = tmp_path / "secret"
    secret.mkdir()
    for number in range(50):
        (secret / f"file-{number}").write_text("not yours\n")
    repo = workspace.repository
    (repo / "swapped").mkdir()
    for number in range(50):
        (repo / "swapped" / f"file-{number}").write_text("mine\n")
    (repo / "link").symlink_to(secret)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (repo / "swapped").rename(repo / "aside")
            (repo / "link").rename(repo / "swapped")
            (repo / "swapped").rename(repo / "link")
            (repo / "aside").rename(repo / "swapped")

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        trees = []
        for _ in range(10):
            taken = await origin.workspaces.snapshot(workspace)
            origin.take_in(taken)
            trees.append(taken.tree)
    finally:
        stop.set()
        swapping.join()

    secret_id = git(origin.repository, "hash-object", "--stdin", data=b"not yours\n")
    for tree in trees:
        listing = origin.listing(tree)
        assert not [path for path, facts in listing.items() if facts.endswith(secret_id)]


async def test_an_emptied_workspace_gives_the_empty_tree(origin: Origin) -> None:
    workspace = await origin.open()
    for path in sorted(workspace.repository.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    taken = await origin.workspaces.snapshot(workspace)

    assert taken.tree == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


async def test_names_that_no_tree_may_have_are_dropped_and_reported(origin: Origin) -> None:
    workspace = await origin.open()
    (workspace.repository / "git~1").write_text("odd\n")
    (workspace.repository / ".GIT").mkdir()
    (workspace.repository / ".GIT" / "config").write_text("odd\n")

    taken = await origin.workspaces.snapshot(workspace)

    assert taken.tree == origin.head("HEAD^{tree}")
    assert {line.split(":")[0] for line in taken.dropped} == {"git~1", ".GIT"}


async def test_names_are_bytes(origin: Origin) -> None:
    workspace = await origin.open()
    names = [b"raw-\xff\xfe", b"line\nbreak", b'quo"te', b":(top)x", b"-dash", "ünï".encode(), b" "]
    for name in names:
        (workspace.repository / os.fsdecode(name)).write_bytes(name)

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert {os.fsencode(path) for path in origin.listing(taken.tree)} >= set(names)


async def test_too_many_new_files_are_refused(origin: Origin) -> None:
    workspace = await origin.open()
    origin.workspaces._bounds = Bounds(files=50)
    for number in range(51):
        (workspace.repository / f"file-{number}").write_text("")

    with pytest.raises(FailedPrecondition) as refused:
        await origin.workspaces.snapshot(workspace)

    assert refused.value.reason == "WORKSPACE_LIMIT_FILES"


async def test_ignored_files_do_not_count(origin: Origin) -> None:
    workspace = await origin.open()
    origin.workspaces._bounds = Bounds(files=50)
    folder = workspace.repository / "build"
    folder.mkdir()
    for number in range(500):
        (folder / f"file-{number}").write_text("")

    taken = await origin.workspaces.snapshot(workspace)

    assert taken.tree == origin.head("HEAD^{tree}")


async def test_too_many_bytes_are_refused_before_they_are_read(origin: Origin) -> None:
    workspace = await origin.open()
    with (workspace.repository / "sparse").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(FailedPrecondition) as refused:
        await origin.workspaces.snapshot(workspace)

    assert refused.value.reason == "WORKSPACE_LIMIT_BYTES"
    assert refused.value.metadata["path"] == "sparse"


async def test_folders_without_end_are_refused(origin: Origin) -> None:
    workspace = await origin.open()
    (workspace.repository / "/".join("d" * 200)).mkdir(parents=True)

    with pytest.raises(FailedPrecondition) as refused:
        await origin.workspaces.snapshot(workspace)

    assert refused.value.reason == "WORKSPACE_LIMIT_FILES"


async def test_a_file_in_a_false_encoding_does_not_stop_the_snapshot(origin: Origin) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    (repo / ".gitattributes").write_text("*.wide text working-tree-encoding=UTF-16LE\n")
    (repo / "good.wide").write_bytes("good\n".encode("utf-16-le"))
    (repo / "bad.wide").write_bytes(b"\x00\xd8odd")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert origin.content(taken.tree, "good.wide") == "good"
    assert "bad.wide" in origin.listing(taken.tree)
    assert [line.split(":")[0] for line in taken.dropped] == ["bad.wide"]


async def test_a_lost_list_of_entries_only_costs_time(origin: Origin, tmp_path: Path) -> None:
    workspace = await origin.open()
    (workspace.repository / "new.txt").write_text("new\n")
    taken = await origin.workspaces.snapshot(workspace)
    entries = workspace.directory / "shadow.git" / "entries"
    entries.write_bytes(entries.read_bytes()[:-100])

    restarted = Workspaces(tmp_path / "runner")

    again = await restarted.snapshot(restarted.get("job/1"))

    assert again.tree == taken.tree


async def test_a_restarted_runner_goes_on_from_the_list_of_entries(
    origin: Origin, tmp_path: Path
) -> None:
    workspace = await origin.open()
    for name in (b"raw-\xff", b"plain"):
        (workspace.repository / os.fsdecode(name)).write_bytes(b"new\n")
    (workspace.repository / "README.md").unlink()
    taken = await origin.workspaces.snapshot(workspace)
    restarted = Workspaces(tmp_path / "runner")

    again = await restarted.snapshot(restarted.get("job/1"))

    assert again.tree == taken.tree


async def test_unreadable_modes_do_not_matter_and_are_left_as_they_were(origin: Origin) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    (repo / "greeter" / "hello.py").chmod(0)
    (repo / "greeter").chmod(0)

    taken = await origin.workspaces.snapshot(workspace)

    assert stat.S_IMODE((repo / "greeter").stat().st_mode) == 0
    assert taken.tree == origin.head("HEAD^{tree}")
