"""The stacks that journeys share, so that each need not start its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support import clis
from tests.support.browser import launched
from tests.support.stack import Stack, running_stack


@pytest.fixture(scope="session")
def operators_skills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What PAWL_SKILLS_DIR names: two skills, one of them with a program of its own."""
    folder = tmp_path_factory.mktemp("operator") / "skills"
    tune, paint = folder / "tune", folder / "paint"
    (tune / "bin").mkdir(parents=True)
    paint.mkdir()
    (tune / "SKILL.md").write_text(
        "---\nname: tune\ndescription: Teaches xylophone tuning.\n---\nStrike the plate.\n"
    )
    (tune / "bin" / "strike").write_text("#!/bin/sh\necho struck\n")
    (tune / "bin" / "strike").chmod(0o755)
    (paint / "SKILL.md").write_text(
        "---\nname: paint\ndescription: Knows every shade of ochre.\n---\nStir first.\n"
    )
    return folder


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory, operators_skills: Path) -> Iterator[Stack]:
    """A stack whose agent is the scripted one. Kill nothing in it: others use it, too."""
    folder = tmp_path_factory.mktemp("scripted")
    with running_stack(folder, PAWL_SKILLS_DIR=str(operators_skills)) as stack:
        yield stack


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory, operators_skills: Path) -> Iterator[Stack]:
    """The same with all three real CLIs, whose model is scripted."""
    folder = tmp_path_factory.mktemp("real")
    skills = str(operators_skills)
    with running_stack(
        folder, clis.NAMES, agent="real", PAWL_SKILLS_DIR=skills, PAWL_SLOTS="3"
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file: it takes seconds to start."""
    with launched() as opened:
        yield opened
