"""A git lock file that somebody holds: taken anew all the time, as in a busy repository.

Each next one is renamed into place: in a moment without any, a git of the test could take it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

SECONDS = 0.05


@asynccontextmanager
async def held(lock: Path) -> AsyncIterator[None]:
    """Holds it until the end of the block."""
    lock.touch()
    async with asyncio.TaskGroup() as tasks:
        holder = tasks.create_task(_take_again(lock))
        try:
            yield
        finally:
            holder.cancel()
    lock.unlink()


async def _take_again(lock: Path) -> None:
    while True:
        await asyncio.sleep(SECONDS)
        following = lock.with_name(f"{lock.name}.following")
        following.touch()
        following.rename(lock)
