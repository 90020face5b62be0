"""Empty stores, copied from one that was migrated once: to migrate takes five times as long."""

import functools
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.orchestrator.store.schema import migrate
from services.orchestrator.store.store import SqlStore, opened


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pawl.db"
        migrate(file)
        # What a log beside it held would be missing from every copy.
        assert list(file.parent.iterdir()) == [file]
        return file.read_bytes()


@asynccontextmanager
async def fresh_store(url: str) -> AsyncIterator[SqlStore]:
    """A new store at a ``sqlite:///`` URL that opens as one that is there already."""
    file = Path(url.removeprefix("sqlite:///"))
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(_migrated())
    async with opened(url) as store:
        yield store
