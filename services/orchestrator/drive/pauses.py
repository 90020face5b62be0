"""How long a host that does not answer is waited for as a job publishes: the work is paid."""

import asyncio
import random
from collections.abc import Iterator
from datetime import timedelta

from services.orchestrator.drive.work import Work


def patience(work: Work) -> timedelta:
    """The job's own time, within reason."""
    pace, started = work.tools.pace, work.job.start_time or work.tools.now()
    left = started + work.plan.limits.job_timeout - work.tools.now()
    return min(max(left, pace.least_patience), pace.most_patience)


async def rest(work: Work, length: timedelta, *, asked: bool = True) -> None:
    """Waits for somebody, who was `asked` and did not answer, and has it noted while it does.

    An owner that is lost in a wait was not lost to its job; see docs/decisions/poison.md.
    """
    store = work.tools.store
    await store.wait(work.claim, excused=patience(work), asked=asked)
    await asyncio.sleep(length.total_seconds())
    await store.go_on(work.claim)


def pauses(work: Work) -> Iterator[timedelta]:
    """Between two tries, each longer than the one before; no more of them once time is up.

    What the tries take counts, too.
    """
    pace, clock = work.tools.pace, asyncio.get_running_loop().time
    end, pause = clock() + patience(work).total_seconds(), pace.back_off
    while True:
        spread = pause * random.uniform(1, 1.25)  # noqa: S311 - spreads callers
        if clock() + spread.total_seconds() > end:
            return
        yield spread
        pause = min(2 * pause, pace.longest_pause)
