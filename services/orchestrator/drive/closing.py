"""How an attempt that did not succeed is written down."""

from dataclasses import replace
from typing import Any, NoReturn

import structlog

from pawl.wire.faultpoints import Point, reach
from services.orchestrator.drive.attempt import Attempt, GivenUp
from services.orchestrator.drive.facts import sentence, step_event, summary_of
from services.orchestrator.drive.interrupt import CancelWanted, LimitHit
from services.orchestrator.drive.ports import (
    Finished,
    RunnerUnreachable,
)
from services.orchestrator.drive.receipts import keep_receipt
from services.orchestrator.drive.tracks import (
    Tree,
    segment_keys,
    step_logs,
)
from services.orchestrator.jobs.failures import Failure, JobFailed
from services.orchestrator.jobs.job import Artifact, Step, StepState, Usage
from services.orchestrator.jobs.receipts import Receipt, told

logger = structlog.get_logger(__name__)


async def close(
    attempt: Attempt,
    cause: CancelWanted | LimitHit | JobFailed | GivenUp,
    *,
    receipt: Receipt | None = None,
    end: Finished | None = None,
    tree: Tree | None = None,
    usage: Usage | None = None,
) -> NoReturn:
    """Stores the end of a step that did not succeed, then raises what ended it.

    `usage` is what the run had told by then; its end knows better.
    """
    work, step, planned = attempt.work, attempt.step, attempt.planned
    artifacts: list[Artifact] = [*tree.artifacts] if tree else []
    try:
        artifacts += await step_logs(work, step.index, step.attempt)
        if isinstance(cause, CancelWanted | GivenUp):
            kept = await keep_receipt(work, step.run_id, receipt or Receipt(), artifacts)
            artifacts.append(kept)
    except JobFailed as full:
        # A full disk must not keep the step from ending: its job ends next.
        logger.warning("artifacts_not_kept", why=str(full))
    keys = await segment_keys(work, step.index, step.attempt)
    facts: dict[str, Any] = {"summary": summary_of(end)}
    if isinstance(cause, CancelWanted):
        state, word = StepState.CANCELLED, "cancelled"
        facts["receipt"] = told(receipt or Receipt())
        message = sentence(planned, "was cancelled")
    else:
        state, word = StepState.FAILED, "failed"
        failure = cause.failure
        facts |= {
            "reason": failure.reason.value,
            "failure": failure.message,
            "remedy": failure.remedy,
        }
        message = sentence(planned, f"failed: {failure.message}")
    await work.tools.store.end_step(
        work.claim,
        *(tree.events if tree else ()),
        step_event(planned, word, message, **facts),
        step_index=step.index,
        state=state,
        summary=summary_of(end),
        usage=end.usage if end and end.usage is not None else usage,
        artifacts=artifacts,
    )
    work.told()
    await forget(attempt, keys)
    raise cause


def of_step(failure: Failure, step: Step) -> JobFailed:
    """The failure as the step's own."""
    return JobFailed(replace(failure, step_index=step.index))


async def forget(attempt: Attempt, keys: list[str]) -> None:
    """Lets go of what is stored elsewhere now: pieces of output, the runner's own record."""
    await attempt.work.tools.artifacts.delete(keys)
    try:
        await attempt.runner().acknowledge(attempt.step.run_id, attempt.work.claim.epoch)
        reach(Point.T11, RunnerUnreachable)
    except (RunnerUnreachable, JobFailed) as error:
        # The runner forgets it by itself in time; how the step ended is stored already.
        logger.info("run_not_acknowledged", why=str(error))
