"""How a run is stopped, and what it had done is kept."""

import asyncio
import time
from typing import NoReturn

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.attempt import Attempt
from services.orchestrator.drive.closing import close
from services.orchestrator.drive.interrupt import CancelWanted, LimitHit
from services.orchestrator.drive.ports import (
    Finished,
    Receipt,
    RunnerUnreachable,
    RunUnknown,
)
from services.orchestrator.drive.recording import Recording, RunLost
from services.orchestrator.drive.tracks import (
    Tree,
    take_tree,
)
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.source.git import GitFailed, GitSaidTooMuch, GitTimedOut

logger = structlog.get_logger(__name__)

NO_SNAPSHOT = (
    *(RunUnknown, RunnerUnreachable, TimeoutError, JobFailed),
    *(GitFailed, GitTimedOut, GitSaidTooMuch, Unavailable),
)
"""Why there may be none: the runner does not give the tree, or it cannot be kept."""


async def stop(
    attempt: Attempt, recording: Recording, cause: CancelWanted | LimitHit | JobFailed
) -> NoReturn:
    """Stops the run, stores the rest of its output and what it had done."""
    receipt: Receipt | None = None
    end: Finished | None = None
    try:
        receipt = await _cancel(attempt)
        await recording.settle()
        async with asyncio.timeout(attempt.work.tools.pace.drain.total_seconds()):
            end = await recording.follow(attempt.runner, attempt.order, attach_only=True)
    except (RunLost, JobFailed, TimeoutError) as error:
        logger.info("rest_not_followed", why=str(error))
    # The time limit may have interrupted a write as well: the log is of what is stored.
    await recording.settle()
    tree = await snapshot(attempt)
    await close(attempt, cause, receipt=receipt, end=end, tree=tree)


async def _cancel(attempt: Attempt) -> Receipt:
    """The receipt of the stop; keeps asking until the run has ended by itself."""
    pace = attempt.work.tools.pace
    give_up = time.monotonic() + pace.presumed_dead.total_seconds()
    while True:
        try:
            return await attempt.runner().cancel(attempt.step.run_id, attempt.work.claim.epoch)
        except RunUnknown:
            return Receipt()
        except RunnerUnreachable as error:
            if time.monotonic() > give_up:
                raise RunLost(f"its runner could not be reached to stop it: {error}") from error
            await asyncio.sleep(pace.back_off.total_seconds() / 2)


async def snapshot(attempt: Attempt) -> Tree | None:
    """The work of a step that did not succeed; evidence, so its absence fails nothing."""
    work = attempt.work
    try:
        async with asyncio.timeout(work.tools.pace.stop.total_seconds()):
            return await take_tree(work, attempt.runner(), attempt.step.index, partial=True)
    except NO_SNAPSHOT as error:
        logger.warning("no_snapshot", why=str(error))
        return None
