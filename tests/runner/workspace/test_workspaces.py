"""The life of a workspace on disk."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pawl.wire.errors import InvalidArgument, NotFound
from services.runner.workspace import removal
from services.runner.workspace.git import GitFailed
from services.runner.workspace.workspaces import Workspaces
from tests.runner.workspace.conftest import KEY, Origin
from tests.support.repositories import git

NO_BRANCHES = [
    *("-x", "a b", "a..b", "x.lock", "x.lock/y", "a\nb", "/a", "a/", "a//b", ".a", "a/.b", "a."),
    *("", "a@{b", "a:b", "a\\b", "a[b", "../../config"),
]


async def test_the_checkout_is_on_the_working_branch_at_the_base(origin: Origin) -> None:
    workspace = await origin.open(branch="task/20260102/abc")

    repo = workspace.repository
    assert git(repo, "symbolic-ref", "HEAD") == "refs/heads/task/20260102/abc"
    assert git(repo, "rev-parse", "HEAD") == origin.head()
    assert not git(repo, "status", "--porcelain")
    assert not git(repo, "remote")
    assert not (repo / ".git" / "hooks").exists()
    assert workspace.home.is_dir()
    assert workspace.tmp.is_dir()


async def test_the_agent_can_commit_at_once(origin: Origin) -> None:
    workspace = await origin.open()
    bare = {"PATH": os.defpath, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    child = await asyncio.create_subprocess_exec(
        *("git", "commit", "-q", "--allow-empty", "-m", "Mine"), cwd=workspace.repository, env=bare
    )

    assert await child.wait() == 0


async def test_a_workspace_outlives_the_process_that_made_it(
    origin: Origin, tmp_path: Path
) -> None:
    made = await origin.open()

    later = Workspaces(tmp_path / "runner")
    await later.sweep()

    assert later.get("job/1") == made
    assert list(later.all()) == [made]


async def test_one_that_was_half_made_is_swept(origin: Origin, tmp_path: Path) -> None:
    made = await origin.open()
    (made.directory / "meta.json").unlink()

    later = Workspaces(tmp_path / "runner")
    await later.sweep()

    assert not made.directory.exists()
    assert not list((tmp_path / "runner" / "trash").iterdir())


async def test_the_folder_of_a_job_goes_though_its_runner_died_behind_the_last_workspace(
    origin: Origin, tmp_path: Path
) -> None:
    """A runner that was killed right after it had taken a workspace away left its folder."""
    made = await origin.open()
    (tmp_path / "runner" / "workspaces" / "gone").mkdir()

    later = Workspaces(tmp_path / "runner")
    await later.sweep()

    assert list((tmp_path / "runner" / "workspaces").iterdir()) == [made.directory.parent]


async def test_an_equal_opening_is_reused_until_a_run_was_started(origin: Origin) -> None:
    made = await origin.open()
    opening = made.record.opening

    reused = await origin.workspaces.reuse(opening, 7)
    other = await origin.workspaces.reuse(replace(opening, working_branch="other"), 7)
    assert reused is not None
    origin.workspaces.starting(reused)

    assert reused.record.epoch == 7
    assert other is None
    assert await origin.workspaces.reuse(opening, 7) is None


async def test_preparing_again_begins_anew(origin: Origin) -> None:
    first = await origin.open()
    (first.repository / "trace").write_text("of an earlier run")

    second = await origin.open()

    assert not (second.repository / "trace").exists()


async def test_a_failed_preparation_leaves_nothing(origin: Origin) -> None:
    made = await origin.open()
    opening = replace(made.record.opening, base_commit="1" * 40, files_commit="1" * 40)

    with pytest.raises(GitFailed):
        await origin.workspaces.prepare(opening, 1)

    assert origin.workspaces.find("job/1") is None
    assert not made.directory.exists()


async def test_what_the_caller_has_is_not_sent_again(origin: Origin) -> None:
    workspace = await origin.open()
    (workspace.repository / "one").write_text("1\n")
    first = await origin.workspaces.snapshot(workspace)
    origin.take_in(first)
    workspace = origin.workspaces.starting(origin.workspaces.get("job/1"))
    unchanged = await origin.workspaces.snapshot(workspace)
    (workspace.repository / "two").write_text("2\n")

    second = await origin.workspaces.snapshot(origin.workspaces.get("job/1"))

    origin.take_in(second)
    assert unchanged.pack is None
    assert {"one", "two"} <= set(origin.listing(second.tree))
    assert first.pack is not None
    assert second.pack is not None
    assert second.pack.sha256 != first.pack.sha256


async def test_a_small_edit_of_a_large_file_makes_a_small_pack(origin: Origin) -> None:
    text = "".join(f"line {os.urandom(20).hex()}\n" for _ in range(5_000))
    (origin.repository / "large").write_text(text)
    git(origin.repository, "add", "large")
    git(origin.repository, "commit", "-q", "-m", "Large")
    workspace = await origin.open()
    (workspace.repository / "large").write_text(text + "one more\n")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert taken.pack is not None
    assert taken.pack.size < 2_000


@pytest.mark.parametrize("workspace_id", ["../x", "job", "job/x", "a/b/1", "", "job/1/"])
async def test_ids_that_are_paths_are_refused(origin: Origin, workspace_id: str) -> None:
    assert origin.workspaces.find(workspace_id) is None
    with pytest.raises(NotFound):
        origin.workspaces.get(workspace_id)
    with pytest.raises(InvalidArgument):
        await origin.workspaces.close(workspace_id)


@pytest.mark.parametrize("key", ["", "../x", "AB", "g", "a" * 65])
def test_keys_that_are_not_hex_are_refused(origin: Origin, key: str) -> None:
    with pytest.raises(InvalidArgument):
        origin.workspaces.cache(key)


@pytest.mark.parametrize("branch", NO_BRANCHES)
async def test_branches_git_refuses_are_refused(origin: Origin, branch: str) -> None:
    with pytest.raises(RuntimeError):
        git(origin.repository, "check-ref-format", "--branch", branch)
    with pytest.raises(InvalidArgument):
        await origin.open(branch=branch)


async def test_closing_removes_whatever_is_there(origin: Origin, tmp_path: Path) -> None:
    workspace = await origin.open()
    kept = tmp_path / "kept"
    kept.write_text("not yours\n")
    repo = workspace.repository
    (repo / "link").symlink_to(tmp_path)
    os.mkfifo(repo / "pipe")
    locked = repo / "locked" / "inner"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0)
    (repo / "locked").chmod(0)
    workspace.directory.chmod(0)
    workspace.directory.parent.chmod(0)

    await origin.workspaces.close("job/1")
    await origin.workspaces.close("job/1")

    assert kept.read_text() == "not yours\n"
    assert not workspace.directory.exists()
    assert not workspace.directory.parent.exists()
    assert not list((tmp_path / "runner" / "trash").iterdir())


async def test_thousands_of_nested_folders_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    above = os.open(folder, os.O_RDONLY)
    for _ in range(3_000):
        os.mkdir("d", dir_fd=above)
        below = os.open("d", os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(above)

    await removal.remove(folder, tmp_path / "trash")

    assert [path.name for path in tmp_path.iterdir()] == ["trash"]
    assert not list((tmp_path / "trash").iterdir())


async def test_removal_goes_on_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "_BATCH", 7)
    for number in range(60):
        (tmp_path / "many" / str(number % 5)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "many" / str(number % 5) / f"file {number}").write_text("")

    await removal.remove(tmp_path / "many", tmp_path / "trash")

    assert not list((tmp_path / "trash").iterdir())


async def test_two_workspaces_of_one_repository_do_not_disturb_each_other(origin: Origin) -> None:
    await origin.feed(origin.head())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(origin.open(f"job/{number}")) for number in (1, 2)]
    first, second = (task.result() for task in tasks)
    (first.repository / "README.md").write_text("mine\n")

    taken = await origin.workspaces.snapshot(second)

    assert taken.tree == origin.head("HEAD^{tree}")
    assert first.record.opening.repository_key == KEY
