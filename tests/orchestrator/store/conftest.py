"""A store of each kind; what is tested here is the port, not one of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.claiming import Rig
from tests.support.fresh_store import fresh_store


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where the test's database is."""
    return f"sqlite:///{tmp_path / 'jobs.db'}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    """An empty store."""
    async with fresh_store(url) as made:
        yield made


@pytest.fixture
def rig(store: SqlStore) -> Rig:
    """The usual moves on it."""
    return Rig(store)
