"""A house for each test of drivers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.orchestrator.drive.house import HASTY, House, house_at


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path) as standing:
        yield standing


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[House]:
    async with house_at(tmp_path, HASTY) as standing:
        yield standing
