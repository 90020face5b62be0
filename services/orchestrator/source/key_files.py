"""Waits out the moment in which the file of a key is being replaced."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

import structlog

from services.orchestrator.jobs.failures import JobFailed

T = TypeVar("T")

PAUSES = (timedelta(seconds=1), timedelta(seconds=4))
"""Between three tries, as those of a fetch are."""

logger = structlog.get_logger(__name__)


class NoKeyInFile(JobFailed):
    """The file of a key holds none. Whoever is replacing it may have emptied it first."""


async def once_there(
    read: Callable[[], T],
    *,
    pauses: Iterable[timedelta] = PAUSES,
    missing: type[Exception] = NoKeyInFile,
) -> T:
    """What `read` gives, which is called again while it raises `missing`, then believed."""
    waits = iter(pauses)
    while True:
        try:
            return read()
        except missing as none:
            pause = next(waits, None)
            if pause is None:
                raise
            logger.info("key_file_awaited", why=str(none))
        await asyncio.sleep(pause.total_seconds())
