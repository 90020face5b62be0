"""How a run is stopped, and what it had done is kept."""

import asyncio
import time
from dataclasses import replace
from typing import NoReturn

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.attempt import Attempt, GivenUp, RunLost
from services.orchestrator.drive.closing import close
from services.orchestrator.drive.facts import step_event
from services.orchestrator.drive.hearing import Hearing
from services.orchestrator.drive.interrupt import CancelWanted, LimitHit
from services.orchestrator.drive.ports import Finished, RunAlive, RunnerUnreachable, RunUnknown
from services.orchestrator.drive.tracks import Tree, take_tree
from services.orchestrator.jobs.failures import Failure, JobFailed, Reason
from services.orchestrator.jobs.receipts import NAMED, Receipt
from services.orchestrator.source.git import GitFailed, GitSaidTooMuch, GitTimedOut

logger = structlog.get_logger(__name__)

NO_SNAPSHOT = (
    *(RunUnknown, RunnerUnreachable, TimeoutError, JobFailed),
    *(GitFailed, GitTimedOut, GitSaidTooMuch, Unavailable),
)
"""Why there may be none: the runner does not give the tree, or it cannot be kept."""


class Unended(Exception):
    """Processes of the run live although everything was done to end them."""

    def __init__(self, attempt: Attempt, receipt: Receipt, left: str) -> None:
        super().__init__(left)
        self.receipt = receipt
        self.given_up = GivenUp(
            Failure(
                Reason.RUNNER_UNAVAILABLE,
                f"processes of the step could not be ended: {left}",
                "End them on the runner, which takes no new work until they have gone.",
                attempt.step.index,
            )
        )


async def stop(
    attempt: Attempt, hearing: Hearing, cause: CancelWanted | LimitHit | JobFailed
) -> NoReturn:
    """Stops the run, stores the rest of its output and what it had done.

    Raises `cause`; GivenUp where a cancelled job has processes that would not go.
    """
    receipt: Receipt | None = None
    end: Finished | None = None
    why: CancelWanted | LimitHit | JobFailed | GivenUp = cause
    try:
        receipt = await end_run(attempt, contact=hearing.contact)
        await hearing.recording.settle()
        if not receipt.presumed:
            async with asyncio.timeout(attempt.work.tools.pace.drain.total_seconds()):
                end = await hearing.follow(attempt.runner, attempt.order, attach_only=True)
    except Unended as unended:
        receipt = unended.receipt
        if isinstance(cause, CancelWanted):
            why = unended.given_up
    except (RunLost, JobFailed, TimeoutError) as error:
        logger.info("rest_not_followed", why=str(error))
    # The time limit may have interrupted a write as well: the log is of what is stored.
    await hearing.recording.settle()
    tree = await snapshot(attempt)
    await close(attempt, why, receipt=receipt, end=end, tree=tree, usage=hearing.usage)


async def end_run(attempt: Attempt, *, contact: float) -> Receipt:
    """Stops the run; returns once none of its processes lives. Raises Unended.

    `contact` is when its runner was heard last, on the monotonic clock.
    """
    pace = attempt.work.tools.pace
    give_up = time.monotonic() + pace.survivors.total_seconds()
    presumed_dead = contact + pace.presumed_dead.total_seconds()
    receipt = Receipt()
    told = False
    while True:
        left = ""
        try:
            # The runner tries again to end what has survived, each time it is asked.
            receipt = await attempt.runner().cancel(attempt.step.run_id, attempt.work.claim.epoch)
            left = ", ".join(f"{one['name']} ({one['pid']})" for one in receipt.survivors[:NAMED])
            if not left:
                return receipt
        except RunUnknown as error:
            return replace(receipt, presumed=f"its runner holds no such run: {error}")
        except (RunAlive, JobFailed) as error:
            # An answer that cannot be understood is no proof that nothing runs.
            left = str(error)
        except RunnerUnreachable as error:
            if time.monotonic() > presumed_dead:
                return replace(
                    receipt,
                    presumed=f"its runner could not be reached ({error}), and its run lease of "
                    f"{pace.run_lease} has run out: the runner ends such a run by itself",
                )
        if left:
            presumed_dead = time.monotonic() + pace.presumed_dead.total_seconds()
            if time.monotonic() > give_up:
                raise Unended(attempt, receipt, left)
            if not told:
                told = True
                await _tell(attempt, left)
        await asyncio.sleep(pace.back_off.total_seconds() / 2)


async def _tell(attempt: Attempt, left: str) -> None:
    planned = attempt.planned
    message = f"Step {planned.index} could not be ended yet: {left}; it is tried again."
    await attempt.work.note(step_event(planned, "protocolWarning", message, left=left))


async def snapshot(attempt: Attempt) -> Tree | None:
    """The work of a step that did not succeed; evidence, so its absence fails nothing."""
    work = attempt.work
    try:
        async with asyncio.timeout(work.tools.pace.stop.total_seconds()):
            return await take_tree(work, attempt.runner(), attempt.step.index, partial=True)
    except NO_SNAPSHOT as error:
        logger.warning("no_snapshot", why=str(error))
        return None
