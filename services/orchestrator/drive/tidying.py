"""Removes workspaces that runners hold for nobody any more."""

import asyncio

import structlog

from services.orchestrator.drive.ports import RunnerUnreachable
from services.orchestrator.drive.work import Tools
from services.orchestrator.jobs.claim import LeaseLost, StoreAway
from services.orchestrator.jobs.failures import JobFailed

logger = structlog.get_logger(__name__)


async def tidying(tools: Tools) -> None:
    """Tidies now and then until it is cancelled."""
    while True:
        await asyncio.sleep(tools.pace.tidy.total_seconds())
        try:
            await tidy(tools)
        except StoreAway as error:
            logger.warning("store_away", error=str(error))


async def tidy(tools: Tools) -> None:
    """Closes every workspace whose job has ended or has moved to another one.

    A workspace is recorded before its runner is asked for it, so one that a runner
    held a moment ago and that the job does not name now is nobody's. Workspaces of
    jobs that this store does not know are left alone: they are another deployment's.
    """
    for runner, workspace_id in tools.fleet.held():
        job_id = workspace_id.partition("/")[0]
        job = await tools.store.job(job_id, with_plan=False)
        if job is None or (not job.state.terminal and job.workspace_id == workspace_id):
            continue
        try:
            await runner.close(workspace_id, job.epoch)
        except (RunnerUnreachable, LeaseLost, JobFailed) as error:
            logger.info("workspace_kept", workspace_id=workspace_id, why=str(error))
        else:
            logger.info("workspace_removed", workspace_id=workspace_id)
