"""Stores the receipt of a cancelled job, and finds the one an earlier owner stored."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.stagelogs import events_of
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.job import Artifact
from services.orchestrator.jobs.paths import RECEIPT
from services.orchestrator.jobs.receipts import Receipt, document, told

logger = structlog.get_logger(__name__)


async def keep_receipt(
    work: Work, run_id: str, receipt: Receipt, saved: Sequence[Artifact] = ()
) -> Artifact:
    """Stores `receipts/cancel.json`. An empty `run_id` says that no step was running."""
    job = await work.refresh()
    requested = job.cancel_requested
    facts = document(
        receipt,
        job_id=job.job_id,
        run_id=run_id,
        by=requested.by if requested else "",
        time=requested.time if requested else None,
        reason=requested.reason if requested else "",
        saved=[artifact.path for artifact in saved],
    )
    data = json.dumps(facts, indent=2, default=str).encode()
    return await work.tools.artifacts.put_bytes(job.job_id, RECEIPT, data)


async def of_nothing(work: Work) -> Mapping[str, Any]:
    """Keeps, and gives, the receipt of a job that was stopped while no step of it ran."""
    receipt = Receipt()
    try:
        kept = await keep_receipt(work, "", receipt)
    except (JobFailed, Unavailable) as error:
        # The event has it, too: a full disk must not keep the job from ending.
        logger.warning("no_receipt", why=str(error))
    else:
        await work.tools.store.keep(work.claim, [kept])
    return told(receipt)


async def told_before(work: Work) -> Mapping[str, Any] | None:
    """The receipt of the job's step that was cancelled in this attempt, if one was."""
    found: Mapping[str, Any] | None = None
    async for event in events_of(work):
        if event.type == "task.step.cancelled" and event.attempt == work.job.attempt:
            found = event.payload.get("receipt")
    return found
