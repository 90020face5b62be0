"""A forge to ask, and its adapter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.orchestrator.forge.github import GitHubForge
from services.orchestrator.jobs.forge import ForgeRepository
from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge

TOKEN = "token-of-the-deployment"


@pytest.fixture
def repository() -> Repository:
    branches = {"main": "a" * 40, "work": "b" * 40, "other": "c" * 40}
    return Repository("o", "n", branches=branches)


@pytest.fixture
def forge(tmp_path: Path, repository: Repository) -> Iterator[FakeForge]:
    served = FakeForge(Audit(tmp_path / "audit"), {TOKEN: "pawl"}, {"o/n": repository})
    with fake_forge(served) as running:
        yield running


@pytest.fixture
def asked(forge: FakeForge) -> ForgeRepository:
    return GitHubForge(forge.url, forge.url, {}).repository("o", "n", TOKEN)
