"""Ends the processes of a run that nobody goes on with."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from services.runner.holding import Keeper, KeeperFailed, Keepers, Patience
from services.runner.values import ProcessSeen


async def abandon(
    keepers: Keepers, keeper: Keeper | None, directory: Path, patience: Patience, reason: str
) -> Sequence[ProcessSeen]:
    """Has the keeper end its run, kills one that does not, and then what either has left.

    Returns what would not go.
    """
    if keeper is not None:
        try:
            await keeper.started()
        except KeeperFailed:
            pass  # it has started nothing, or has gone
        else:
            keeper.tell("stop", reason)
            keeper.wake()
            async with keeper.watching():
                if not await _gone(keeper, 2 * patience.stop.total_seconds()):
                    keeper.kill()
                    await _gone(keeper, patience.sweep.total_seconds())
    return (await keepers.end_remains(directory, None)).survivors


async def _gone(keeper: Keeper, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await keeper.gone.wait()
    except TimeoutError:
        return False
    return True
