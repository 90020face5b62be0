"""What a service sees to again and again while it runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

FIRST = timedelta(seconds=30)
"""After the start: whoever comes back from a crash has better to do."""


@asynccontextmanager
async def rounds(
    make: Callable[[], Awaitable[object]],
    *,
    every: timedelta,
    name: str,
    first: timedelta = FIRST,
) -> AsyncIterator[None]:
    """Makes rounds for the length of the block, one at a time and `every` apart.

    What a round raises ends the block.
    """
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_again_and_again(make, every, min(first, every)), name=name)
        try:
            yield
        finally:
            task.cancel()


async def _again_and_again(
    make: Callable[[], Awaitable[object]], every: timedelta, first: timedelta
) -> None:
    await asyncio.sleep(first.total_seconds())
    while True:
        await make()
        await asyncio.sleep(every.total_seconds())
