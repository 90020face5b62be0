"""A repository with one commit, its mirror."""

from pathlib import Path

import pytest

from services.orchestrator.source.mirror import Mirror
from tests.orchestrator.source.repositories import Upstream, mirror_of


@pytest.fixture
def origin(tmp_path: Path) -> Upstream:
    repository = Upstream(tmp_path / "origin.git")
    repository.commit(repository.files(a="one\n", b="two\n"))
    return repository


@pytest.fixture
async def mirror(origin: Upstream, tmp_path: Path) -> Mirror:
    return await mirror_of(origin, tmp_path / "mirrors")
