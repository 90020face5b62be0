"""Ends runs, or says that it takes longer than a caller should wait."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from pawl.wire.errors import Unavailable
from services.runner.holding import Patience
from services.runner.run import Run


async def end(runs: Sequence[Run], reason: str, patience: Patience) -> None:
    """Returns once none of them runs any more. Raises Unavailable, RUN_ALIVE, before that."""
    alive = [run for run in runs if not run.done.is_set()]
    for run in alive:
        run.stop(reason)
    if not await _all_done(alive, patience.stop):
        for run in alive:
            if not run.done.is_set():
                run.force()
    if not await _all_done(alive, patience.sweep):
        names = ", ".join(run.record.name.run_id for run in alive if not run.done.is_set())
        raise Unavailable(
            "RUN_ALIVE",
            f"still ending {names}; ask again in a moment",
            retry_after=timedelta(seconds=2),
        )


async def _all_done(runs: Sequence[Run], limit: timedelta) -> bool:
    """Whether all have ended, waiting for it so long at most."""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            for run in runs:
                await run.done.wait()
    except TimeoutError:
        return False
    return True
