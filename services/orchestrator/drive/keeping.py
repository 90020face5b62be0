"""Keeps a run alive for as long as its driver follows it."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from services.orchestrator.drive.ports import (
    Runner,
    RunnerFull,
    RunnerUnreachable,
    RunUnknown,
)
from services.orchestrator.jobs.claim import LeaseLost
from services.orchestrator.jobs.failures import JobFailed

logger = structlog.get_logger(__name__)

KEEPS = 9
"""Calls within one run lease: several may be lost without losing the run."""


async def keep(
    runner: Callable[[], Runner],
    run_id: str,
    epoch: int,
    *,
    run_lease: timedelta,
    heard: Callable[[], None],
) -> None:
    """Renews the run's lease until it is cancelled; `heard` is told each time that it was.

    What is echoed is the runner's own last word, so that a call that is held up on its way
    keeps the run no longer than its caller thinks.
    """
    token, since = "", 0.0
    pause = run_lease.total_seconds() / KEEPS
    while True:
        first = not token
        try:
            token = await runner().keep(run_id, epoch, token)
        except RunUnknown:
            token = ""  # not begun yet, or gone: the stream is told which
        except (RunnerUnreachable, RunnerFull) as error:
            logger.info("run_not_kept", run_id=run_id, why=str(error))
        except (LeaseLost, JobFailed):
            return  # the stream ends for the same reason, and tells it
        else:
            heard()
            since, before = time.monotonic(), since
            if first or since - before > 2 * pause:
                continue  # what was echoed was old: a new word is kept by at once
        await asyncio.sleep(pause)
