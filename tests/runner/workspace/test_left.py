"""What an agent left only in its own git is named and saved."""

from pathlib import Path

from tests.runner.workspace.conftest import Origin
from tests.support.repositories import commit, git


async def test_an_untouched_workspace_left_nothing(origin: Origin) -> None:
    workspace = await origin.open()

    taken = await origin.workspaces.snapshot(workspace)

    assert not taken.left
    assert taken.left_pack is None


async def test_commits_that_head_reaches_are_not_left(origin: Origin) -> None:
    workspace = await origin.open()
    (workspace.repository / "a").write_text("a\n")
    commit(workspace.repository, "On the branch")

    taken = await origin.workspaces.snapshot(workspace)

    assert not taken.left


async def test_stashes_and_other_branches_are_saved_whole(origin: Origin, tmp_path: Path) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    for number in range(2):
        (repo / "README.md").write_text(f"stashed {number}\n")
        (repo / f"untracked {number}").write_text("untracked\n")
        git(repo, "stash", "push", "-q", "-u", "-m", f"stash {number}")
    git(repo, "checkout", "-q", "-b", "side")
    (repo / "side.txt").write_text("side\n")
    side = commit(repo, "Work on\x07 the side")
    git(repo, "pack-refs", "--all")
    git(repo, "repack", "-a", "-d", "-l", "-q")
    git(repo, "checkout", "-q", "task/work")

    taken = await origin.workspaces.snapshot(workspace)

    named = {left.ref: left for left in taken.left}
    assert set(named) == {"refs/stash@{0}", "refs/stash@{1}", "refs/heads/side"}
    assert named["refs/stash@{0}"].subject == "On task/work: stash 1"
    assert named["refs/heads/side"].subject == "Work on\N{REPLACEMENT CHARACTER} the side"
    assert named["refs/heads/side"].commit == side
    assert taken.left_pack is not None
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin.repository), str(clone))
    git(clone, "unpack-objects", "-q", data=taken.left_pack.path.read_bytes())
    older = named["refs/stash@{1}"].commit
    assert git(clone, "show", f"{older}:README.md") == "stashed 0"
    assert git(clone, "show", f"{older}^3:untracked 0") == "untracked"
    assert git(clone, "show", f"{side}:side.txt") == "side"
    git(clone, "fsck", "--strict")


async def test_a_commit_that_only_the_reflog_knows_is_saved(origin: Origin) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    git(repo, "checkout", "-q", "--detach")
    for number in range(3):
        (repo / "a").write_text(f"{number}\n")
        commit(repo, f"Detached {number}")
    lost = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "-q", "task/work")

    taken = await origin.workspaces.snapshot(workspace)

    assert [left.commit for left in taken.left] == [lost]
    assert taken.left[0].ref.startswith("HEAD@{")


async def test_what_was_told_is_not_told_again(origin: Origin) -> None:
    workspace = await origin.open()
    (workspace.repository / "README.md").write_text("stashed\n")
    git(workspace.repository, "stash", "-q")
    first = await origin.workspaces.snapshot(workspace)
    repeated = await origin.workspaces.snapshot(origin.workspaces.get("job/1"))

    origin.workspaces.starting(origin.workspaces.get("job/1"))
    later = await origin.workspaces.snapshot(origin.workspaces.get("job/1"))

    assert len(first.left) == len(repeated.left) == 1
    assert not later.left


async def test_objects_of_elsewhere_cannot_be_drawn_in(origin: Origin, tmp_path: Path) -> None:
    """A planted alternate and ref would otherwise hand out another job's code."""
    workspace = await origin.open()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    git(foreign, "init", "-q")
    (foreign / "secret").write_text("not yours\n")
    secret = commit(foreign, "Secret")
    repo = workspace.repository
    with (repo / ".git" / "objects" / "info" / "alternates").open("a") as file:
        file.write(f"{foreign}/.git/objects\n")
    (repo / ".git" / "refs" / "heads" / "mine").write_text(f"{secret}\n")

    taken = await origin.workspaces.snapshot(workspace)

    assert secret not in {left.commit for left in taken.left}
    assert taken.left_pack is None


async def test_nonsense_in_the_git_folder_is_no_trouble(origin: Origin) -> None:
    workspace = await origin.open()
    folder = workspace.repository / ".git"
    (folder / "HEAD").write_bytes(b"\xff" * 10_000)
    (folder / "packed-refs").write_text(f"{'1' * 40} refs/heads/none\n{'z' * 41}\n")
    (folder / "refs" / "heads" / "loop").symlink_to(".")
    (folder / "refs" / "stash").mkdir()
    (folder / "objects" / "pack" / "pack-1.pack").write_bytes(b"PACK nonsense")
    (folder / "objects" / "11").mkdir()
    (folder / "objects" / "11" / ("1" * 38)).write_bytes(b"nonsense")

    taken = await origin.workspaces.snapshot(workspace)

    assert taken.tree == origin.head("HEAD^{tree}")
    assert taken.left_pack is None
