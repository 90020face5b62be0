"""What of `.gitignore` and submodules a snapshot honours."""

from collections.abc import Callable
from pathlib import Path

from tests.runner.workspace.conftest import Origin
from tests.support.repositories import SUBMODULE_COMMIT, git, nasty_repository

Make = Callable[[Callable[[Path], Path]], Origin]


async def test_rules_are_those_of_git(origin: Origin) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    for name, text in {
        ".gitignore": "*\n!*/\n!.gitignore\n!*.py\n!/kept/**\n/kept/not.txt\nout/\n",
        "a/b/c.py": "taken",
        "a/b/c.txt": "ignored",
        "kept/deep/file.txt": "taken",
        "kept/not.txt": "ignored",
        "out/x.py": "ignored with its folder",
        "a/out": "a file, which `out/` does not mean, but `*` does",
        "a/.gitignore": "!*.txt\nlocal.py\n",
        "a/local.py": "ignored",
        "a/again.txt": "taken",
    }.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    expected = set(git(repo, "ls-files", "-co", "--exclude-standard").splitlines())

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert set(origin.listing(taken.tree)) == expected


async def test_a_file_ignored_by_a_later_step_leaves_the_tree(origin: Origin) -> None:
    """The agent sees that file as untracked, so its rules are to hold for it."""
    workspace = await origin.open()
    repo = workspace.repository
    (repo / "cache").mkdir()
    (repo / "cache" / "data").write_text("data\n")
    await origin.workspaces.snapshot(workspace)
    with (repo / ".gitignore").open("a") as file:
        file.write("cache/\nREADME.md\n")

    taken = await origin.workspaces.snapshot(origin.workspaces.get("job/1"))

    origin.take_in(taken)
    listing = origin.listing(taken.tree)
    assert "cache/data" not in listing
    assert "README.md" in listing  # the base tracks it


async def test_a_submodule_stays_what_the_base_says(make_origin: Make) -> None:
    origin = make_origin(nasty_repository)
    workspace = await origin.open()
    (workspace.repository / "library" / "file").write_text("in the submodule\n")

    taken = await origin.workspaces.snapshot(workspace)

    assert origin.listing(taken.tree)["library"] == f"160000 {SUBMODULE_COMMIT}"
    assert taken.dropped == ["library: files in a submodule"]


async def test_a_removed_submodule_is_removed(make_origin: Make) -> None:
    origin = make_origin(nasty_repository)
    workspace = await origin.open()
    (workspace.repository / "library").rmdir()

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert "library" not in origin.listing(taken.tree)


async def test_files_and_folders_that_change_places_are_taken(origin: Origin) -> None:
    workspace = await origin.open()
    repo = workspace.repository
    (repo / "README.md").unlink()
    (repo / "README.md").mkdir()
    (repo / "README.md" / "part").write_text("part\n")
    (repo / "tests" / "test_hello.py").unlink()
    (repo / "tests").rmdir()
    (repo / "tests").write_text("a file now\n")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    listing = origin.listing(taken.tree)
    assert {"README.md/part", "tests"} <= set(listing)
    assert "tests/test_hello.py" not in listing
