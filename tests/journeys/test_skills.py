"""Skills reach the real CLIs and never the branch."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import landed
from tests.support import clis
from tests.support.repositories import git
from tests.support.stack import Stack, bare_repository, task

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]

TUNE, PAINT = "Teaches xylophone tuning.", "Knows every shade of ochre."
OWN = "Keeps the bees of this house."
FILES = {
    "hello.txt": "hello\n",
    ".agents/skills/bees/SKILL.md": f"---\nname: bees\ndescription: {OWN}\n---\nHum softly.\n",
    ".agents/skills/bees/notes/hive.md": "Twelve frames.\n",
}


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare_repository(tmp_path / "remote.git", FILES)


def ended(stack: Stack, payload: dict[str, Any], seconds: float = 100) -> "Done":
    job = stack.wait(stack.submit(payload), seconds=seconds)
    return Done(job, stack.events(str(job["jobId"])))


@dataclass(frozen=True)
class Done:
    """A job that has ended, with its events."""

    job: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def branch(self) -> str:
        assert self.job["state"] == "JOB_STATE_SUCCEEDED", self.job
        return str(self.job["workingBranch"])


def with_skills(payload: dict[str, Any], task_skill: str | None, *skills: str | None) -> Any:
    """The payload with a skill for the task and one for each step, where they are given."""
    if task_skill:
        payload["task"]["skill"] = {"id": task_skill}
    for step, skill in zip(payload["task"]["steps"], skills, strict=True):
        if skill:
            step["skill"] = {"id": skill}
    return payload


@pytest.mark.parametrize("runtime", clis.NAMES)
def test_each_cli_is_told_of_the_skills_and_uses_them(
    real: Stack, remote: Path, runtime: str
) -> None:
    """One is the operator's, one the repository's own."""
    mark = f"mark-{runtime}-{time.time_ns()}"
    steps = (
        f"{mark}-one\ndo: skill tune\ndo: write tuned.txt yes\\n\ndo: say Tuned.",
        f"{mark}-two\ndo: skill bees\ndo: append tuned.txt and hummed\\n\ndo: say Hummed.",
    )

    done = ended(real, with_skills(task(remote, *steps, runtime=runtime), None, "tune", "bees"))

    assert landed.files_of(remote, done.branch) == {*FILES, "tuned.txt"}
    own = (git(remote, "rev-parse", f"{where}:.agents") for where in ("main", done.branch))
    assert next(own) == next(own)
    (placed,) = landed.of_type(done.events, "task.skills.materialized")
    assert placed["payload"]["skills"] == [
        {"id": "tune", "source": "operator"},
        {"id": "bees", "source": "repository"},
    ]
    one, two = asked(real, f"{mark}-one"), asked(real, f"{mark}-two")
    for requests in (one, two):
        # The skills are the workspace's: every step is told of all of them, not of others.
        assert TUNE in requests[0]
        assert OWN in requests[0]
        assert PAINT not in requests[0]
    assert "Strike the plate." not in one[0]
    assert "Strike the plate." in one[-1]
    assert "Hum softly." not in two[0]
    assert "Hum softly." in two[-1]
    patches = b"".join(landed.read_patches(real, str(done.job["jobId"]), 2))
    assert landed.names_in(patches) == {"tuned.txt"}


def asked(stack: Stack, mark: str) -> list[str]:
    """What the model was sent by the run whose instructions hold the mark."""
    assert stack.api is not None
    bodies = [json.dumps(request.body, ensure_ascii=False) for request in stack.api.requests]
    # Side requests of a CLI, such as for a title, carry no tools.
    return [body for body in bodies if mark in body and '"tools"' in body]


def test_the_nearest_skill_is_the_one_that_counts(scripted: Stack, remote: Path) -> None:
    steps = ("do: say One.", "do: say Two.", "do: say Three.")

    done = ended(scripted, with_skills(task(remote, *steps), "paint", None, "tune", "auto"))

    planned = done.job["plan"]["steps"]
    assert [(step["skill"]["id"], step["skill"]["source"]) for step in planned] == [
        ("paint", "SKILL_SOURCE_TASK"),
        ("tune", "SKILL_SOURCE_STEP"),
        ("auto", "SKILL_SOURCE_STEP"),
    ]
    for step, skill in zip(planned, ("paint", "tune", "auto"), strict=True):
        assert f"\nSKILL {skill}\n" in step["prompt"]
    started = landed.of_type(done.events, "task.step.started")
    assert [event["payload"]["effectiveSkill"] for event in started] == ["paint", "tune", "auto"]


def test_without_any_the_skill_is_auto_and_none_is_placed(scripted: Stack, remote: Path) -> None:
    done = ended(scripted, task(remote, "do: run ls -d .agents/skills/* .claude > seen.txt"))

    assert done.job["plan"]["steps"][0]["skill"]["id"] == "auto"
    assert landed.text_of(remote, done.branch, "seen.txt") == ".agents/skills/bees"
    assert not landed.of_type(done.events, "task.skills.materialized")


def test_placed_skills_are_whole_and_stay_out_of_every_patch(scripted: Stack, remote: Path) -> None:
    steps = (
        "do: run .agents/skills/tune/bin/strike > struck.txt\n"
        "do: run cmp .agents/skills/tune/SKILL.md .claude/skills/tune/SKILL.md\n"
        "do: append .agents/skills/tune/SKILL.md spoilt\\n\n"
        "do: write .claude/skills/tune/more.md more\\n\n"
        "do: run git status --short > status.txt",
        "do: run git add -A && git commit -q -m Mine",
    )

    done = ended(scripted, with_skills(task(remote, *steps), "tune", None, "bees"))

    assert landed.files_of(remote, done.branch) == {*FILES, "struck.txt", "status.txt"}
    assert landed.text_of(remote, done.branch, "struck.txt") == "struck"
    status = landed.text_of(remote, done.branch, "status.txt").split()
    assert status == ["??", "status.txt", "??", "struck.txt"]


def test_the_repository_s_own_skill_wins_and_may_be_edited(scripted: Stack, tmp_path: Path) -> None:
    """An edit of a file the repository has is work like any other."""
    sheet = "---\nname: tune\ndescription: Ours.\n---\nOurs.\n"
    remote = bare_repository(tmp_path / "own.git", {".claude/skills/tune/SKILL.md": sheet})
    steps = (
        "do: run cat .agents/skills/tune/SKILL.md > seen.txt",
        "do: append .claude/skills/tune/SKILL.md Edited.\\n",
    )

    done = ended(scripted, with_skills(task(remote, *steps), "tune", None, None))

    (placed,) = landed.of_type(done.events, "task.skills.materialized")
    assert placed["payload"]["skills"] == [{"id": "tune", "source": "repository"}]
    assert landed.files_of(remote, done.branch) == {".claude/skills/tune/SKILL.md", "seen.txt"}
    assert landed.text_of(remote, done.branch, "seen.txt") == sheet.strip()
    edited = landed.text_of(remote, done.branch, ".claude/skills/tune/SKILL.md")
    assert edited == f"{sheet}Edited."


def test_a_link_from_one_place_of_skills_to_the_other_stays_a_link(
    scripted: Stack, remote: Path, tmp_path: Path
) -> None:
    """Many repositories keep their skills in one place for all CLIs."""
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(remote), str(work))
    (work / ".claude").mkdir()
    (work / ".claude" / "skills").symlink_to("../.agents/skills")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "Link")
    git(work, "push", "-q", "origin", "main")
    script = "do: run cat .claude/skills/tune/SKILL.md .claude/skills/bees/SKILL.md > seen.txt"

    done = ended(scripted, with_skills(task(remote, script), "tune", "bees"))

    seen = landed.text_of(remote, done.branch, "seen.txt")
    assert TUNE in seen
    assert OWN in seen
    assert landed.files_of(remote, done.branch) == {*FILES, ".claude/skills", "seen.txt"}


def test_a_missing_skill_fails_prepare_and_tells_those_there_are(
    scripted: Stack, remote: Path
) -> None:
    payload = with_skills(task(remote, "do: say One.", "do: say Two."), None, "tune", "tuna")

    done = ended(scripted, payload)

    assert done.job["state"] == "JOB_STATE_FAILED"
    failure = done.job["failure"]
    assert failure["reason"] == "SKILL_NOT_FOUND"
    assert "stepIndex" not in failure
    assert failure["remedy"]
    for word in ("tuna", "bees", "paint", "tune"):
        assert word in failure["message"]
    types = [event["type"] for event in done.events]
    assert types[-2:] == ["task.stage.failed", "job.failed"]
    assert "task.step.started" not in types
    assert done.events[-2]["payload"]["stage"] == "prepare"
