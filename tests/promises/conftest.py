"""What the tests of several calls share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.promises.orchestrator import House, housed


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A served orchestrator without any job."""
    async with housed(tmp_path) as served:
        yield served
