"""How somebody waits between two tries; a caller may have to note that it does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

Rest = Callable[[timedelta], Awaitable[None]]


async def sleep(length: timedelta) -> None:
    """Waits, and no more."""
    await asyncio.sleep(length.total_seconds())
