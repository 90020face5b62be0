"""Where skills are placed, and that they stay out of the work."""

import os
from pathlib import Path

import pytest

from pawl.wire.errors import FailedPrecondition, InvalidArgument
from services.runner.workspace.skills import SkillFile
from tests.runner.workspace.conftest import Origin
from tests.support.repositories import commit, git

SHEET = b"---\nname: spec\ndescription: Writes specifications.\n---\nWrite one.\n"
SPEC = (
    SkillFile(skill_id="spec", path="SKILL.md", data=SHEET),
    SkillFile(skill_id="spec", path="bin/run", data=b"#!/bin/sh\n", executable=True),
)
PLACES = (".agents/skills", ".claude/skills")


def add_skill(repository: Path, place: str, name: str = "own") -> Path:
    folder = repository / place / name
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_bytes(SHEET)
    return folder


@pytest.mark.parametrize("place", PLACES)
async def test_a_sent_skill_is_where_each_cli_looks(origin: Origin, place: str) -> None:
    workspace = await origin.open(skills=("spec",), sent=SPEC)

    folder = workspace.repository / place / "spec"

    assert (folder / "SKILL.md").read_bytes() == SHEET
    assert os.access(folder / "bin" / "run", os.X_OK)
    assert workspace.record.sources == (("spec", "operator"),)


async def test_placed_skills_are_in_no_snapshot_and_no_status(origin: Origin) -> None:
    workspace = await origin.open(skills=("spec",), sent=SPEC)
    (workspace.repository / ".agents" / "skills" / "spec" / "notes").write_text("the agent's\n")

    taken = await origin.workspaces.snapshot(workspace)

    assert taken.tree == origin.head("HEAD^{tree}")
    assert not git(workspace.repository, "status", "--porcelain")


async def test_the_agents_own_files_beside_a_placed_skill_are_taken(origin: Origin) -> None:
    workspace = await origin.open(skills=("spec",), sent=SPEC)
    add_skill(workspace.repository, ".agents/skills", "fresh")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert ".agents/skills/fresh/SKILL.md" in origin.listing(taken.tree)


@pytest.mark.parametrize(
    ("here", "other"), [PLACES, PLACES[::-1], (".codex/skills", ".claude/skills")]
)
async def test_the_repositorys_own_skill_is_copied_where_it_is_missing(
    origin: Origin, here: str, other: str
) -> None:
    add_skill(origin.repository, here)
    commit(origin.repository)

    workspace = await origin.open(skills=("own",))

    assert (workspace.repository / other / "own" / "SKILL.md").read_bytes() == SHEET
    assert workspace.record.sources == (("own", "repository"),)
    taken = await origin.workspaces.snapshot(workspace)
    assert taken.tree == origin.head("HEAD^{tree}")


async def test_edits_of_the_repositorys_own_skill_are_changes(origin: Origin) -> None:
    add_skill(origin.repository, ".agents/skills")
    commit(origin.repository)
    workspace = await origin.open(skills=("own",))
    (workspace.repository / ".agents/skills/own/SKILL.md").write_text("better\n")
    (workspace.repository / ".claude/skills/own/SKILL.md").write_text("only a copy\n")

    taken = await origin.workspaces.snapshot(workspace)

    origin.take_in(taken)
    assert origin.content(taken.tree, ".agents/skills/own/SKILL.md") == "better"
    assert ".claude/skills/own/SKILL.md" not in origin.listing(taken.tree)


async def test_the_repositorys_own_skill_wins_over_a_sent_one(origin: Origin) -> None:
    folder = add_skill(origin.repository, ".agents/skills", "spec")
    (folder / "SKILL.md").write_text("the project's\n")
    commit(origin.repository)

    workspace = await origin.open(skills=("spec",), sent=SPEC)

    for place in PLACES:
        sheet = workspace.repository / place / "spec" / "SKILL.md"
        assert sheet.read_text() == "the project's\n"


async def test_one_folder_linked_to_the_other_serves_both(origin: Origin) -> None:
    (origin.repository / ".claude").mkdir()
    (origin.repository / ".claude" / "skills").symlink_to("../.agents/skills")
    add_skill(origin.repository, ".agents/skills")
    commit(origin.repository)

    workspace = await origin.open(skills=("own", "spec"), sent=SPEC)

    assert (workspace.repository / ".claude/skills/spec/SKILL.md").read_bytes() == SHEET
    assert workspace.record.excluded == (".agents/skills/spec",)
    taken = await origin.workspaces.snapshot(workspace)
    assert taken.tree == origin.head("HEAD^{tree}")


async def test_a_missing_skill_is_refused_with_the_names_that_exist(origin: Origin) -> None:
    add_skill(origin.repository, ".agents/skills")
    commit(origin.repository)

    with pytest.raises(FailedPrecondition) as refused:
        await origin.open(skills=("nowhere", "own"), sent=SPEC)

    assert refused.value.reason == "SKILL_NOT_FOUND"
    assert refused.value.metadata == {"missing": "nowhere", "available": "own,spec"}
    assert origin.workspaces.find("job/1") is None
    assert not origin.workspaces.all()


@pytest.mark.parametrize("name", [".agents", ".agents/skills", ".agents/skills/spec"])
async def test_nothing_is_written_through_a_link_that_leaves(
    origin: Origin, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    (outside / "skills").mkdir(parents=True)
    link = origin.repository / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    commit(origin.repository)

    with pytest.raises(FailedPrecondition) as refused:
        await origin.open(skills=("spec",), sent=SPEC)

    assert refused.value.reason == "SKILL_NOT_FOUND"
    assert [path.name for path in outside.rglob("*")] == ["skills"]


async def test_nothing_outside_is_read_as_a_skill(origin: Origin, tmp_path: Path) -> None:
    outside = add_skill(tmp_path, "outside", "own")
    (origin.repository / ".agents" / "skills").mkdir(parents=True)
    (origin.repository / ".agents" / "skills" / "own").symlink_to(outside)
    inner = add_skill(origin.repository, ".agents/skills", "inner")
    (inner / "passwd").symlink_to("/etc/passwd")
    commit(origin.repository)

    workspace = await origin.open(skills=("inner",))
    with pytest.raises(FailedPrecondition):
        await origin.open("job/2", skills=("own",))

    copied = workspace.repository / ".claude/skills/inner"
    assert [path.name for path in copied.iterdir()] == ["SKILL.md"]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", ".", ".git/config", "a\0b"])
async def test_paths_that_leave_the_skill_are_refused(origin: Origin, path: str) -> None:
    sent = (*SPEC, SkillFile(skill_id="spec", path=path, data=b""))

    with pytest.raises(InvalidArgument):
        await origin.open(skills=("spec",), sent=sent)


async def test_two_files_for_one_path_are_refused(origin: Origin) -> None:
    sent = (*SPEC, SkillFile(skill_id="spec", path="bin", data=b""))

    with pytest.raises(InvalidArgument):
        await origin.open(skills=("spec",), sent=sent)
