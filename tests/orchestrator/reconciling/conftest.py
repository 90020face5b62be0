"""A store, a forge, a reconciler, and what is logged."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog.testing
from structlog.typing import EventDict

from services.orchestrator.reconciling import Reconciler
from services.orchestrator.source.location import Location, locate
from tests.orchestrator.reconciling.house import QUICK, House
from tests.support.fresh_store import fresh_store
from tests.support.repositories import sample_repository
from tests.support.scripted_forge import OneKey, ScriptedAccess, ScriptedForge


def anywhere(repository: str) -> Location:
    return locate(repository, forge_url="https://forge.example", allow_local=True)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    forge = ScriptedForge(sample_repository(tmp_path / "origin"))
    access = ScriptedAccess(forge=forge, keys=OneKey(forge), url="https://forge.example")
    async with fresh_store(f"sqlite:///{tmp_path / 'pawl.db'}") as store:
        reconciler = Reconciler(
            store=store, access=access, locate=anywhere, policy=QUICK, owner="me"
        )
        yield House(store, forge, reconciler)


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as caught:
        yield caught
