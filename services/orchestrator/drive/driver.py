"""Carries one claimed job through its stages to its end."""

import asyncio
from datetime import timedelta

import structlog

from pawl.wire.faultpoints import Point, begin, reach
from pawl.wire.logs import about
from services.orchestrator.drive import receipts
from services.orchestrator.drive.attempt import GivenUp
from services.orchestrator.drive.execute import execute
from services.orchestrator.drive.facts import stage_event
from services.orchestrator.drive.housing import NoRoom, leave
from services.orchestrator.drive.interrupt import CancelWanted, Interrupt, LimitHit
from services.orchestrator.drive.lease import held
from services.orchestrator.drive.ports import Runner
from services.orchestrator.drive.prepare import prepare
from services.orchestrator.drive.publish import publish
from services.orchestrator.drive.stagelogs import keep_stage_logs
from services.orchestrator.drive.work import Tools, Work
from services.orchestrator.jobs.claim import CancelWins, Claim, LeaseLost, StoreAway
from services.orchestrator.jobs.failures import Failure, JobFailed
from services.orchestrator.jobs.job import Job, JobOutcome, JobState, NewEvent, StepState
from services.orchestrator.jobs.plan import Stage

logger = structlog.get_logger(__name__)


class Leaving(Exception):
    """This process is leaving; the job goes on under its next owner."""


class Driver:
    """One claim, from its first write to its last.

    It ends when the job has ended, when the job is back in the queue, when the lease is
    lost, or when it is told to leave: then the job stays RUNNING for its next owner.
    """

    def __init__(self, claim: Claim, tools: Tools, reserved: Runner | None, *, sent: float) -> None:
        self.claim = claim
        self._sent = sent
        self._tools = tools
        self._reserved = reserved
        self._lost = Interrupt()
        self._stop = Interrupt()

    def cancel(self) -> None:
        """Somebody asked for the job to stop; the request is stored already."""
        self._stop.fire(CancelWanted())

    def leave(self) -> None:
        """Lets go of the job as it stands."""
        self._lost.fire(Leaving())

    async def run(self) -> None:
        """Drives the job. Raises nothing that is the job's own trouble."""
        work: Work | None = None
        try:
            begin(Point.C1)
            with about(job_id=self.claim.job_id, epoch=self.claim.epoch):
                async with (
                    held(
                        self.claim,
                        store=self._tools.store,
                        term=self._tools.pace.lease,
                        on_lost=lambda: self._lost.fire(LeaseLost()),
                        on_cancel=self.cancel,
                        sent=self._sent,
                    ) as lease,
                    self._lost.watching(),
                ):
                    work = Work(
                        tools=self._tools,
                        claim=self.claim,
                        job=await self._own_job(),
                        lease=lease,
                        stop=self._stop,
                        reserved=self._reserved,
                    )
                    await self._carry(work)
        except LeaseLost:
            logger.warning("claim_lost", job_id=self.claim.job_id, epoch=self.claim.epoch)
        except Leaving:
            logger.info("job_left", job_id=self.claim.job_id, epoch=self.claim.epoch)
        finally:
            if work is not None:
                work.let_go()
            reserved = self._reserved if work is None else work.reserved
            if reserved is not None:
                self._tools.fleet.free(reserved)

    async def _own_job(self) -> Job:
        job = await self._tools.store.job(self.claim.job_id)
        if job is None or job.epoch != self.claim.epoch:
            raise LeaseLost
        return job

    async def _carry(self, work: Work) -> None:
        if work.job.cancel_requested is not None:
            self.cancel()
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(_time_left(work.job, work), lambda: self._out_of_time(work))
        try:
            await self._through_stages(work)
        finally:
            alarm.cancel()
        work.told()

    def _out_of_time(self, work: Work) -> None:
        # Publishing has patience of its own: what is paid for by then is the whole work.
        if work.job.stage is not Stage.PUBLISH:
            self._stop.fire(LimitHit(work.out_of_time()))

    async def _through_stages(self, work: Work) -> None:
        try:
            # The intent decides: before it everything may be stopped, after it nothing.
            if work.job.stage is not Stage.PUBLISH:
                if not _in_mid_step(work.job):
                    work.stop.check()
                await prepare(work)
                work.give_back_tokens()
                await work.refresh()
                await execute(work)
                await work.refresh()
                work.stop.check()
            outcome, told = await publish(work)
            await self._succeed(work, outcome, *told)
        except (CancelWanted, CancelWins):
            await self._end_cancelled(work)
        except (LimitHit, JobFailed) as ended:
            await self._fail(work, ended.failure, JobState.FAILED)
        except GivenUp as given_up:
            await self._fail(work, given_up.failure, JobState.DEAD_LETTER)
        except NoRoom as no_room:
            await self._requeue(work, no_room.why, no_room.wait)

    async def _succeed(self, work: Work, outcome: JobOutcome, *told: NewEvent) -> None:
        await keep_stage_logs(work, *told)
        await work.tools.store.end(
            work.claim,
            *told,
            NewEvent(
                type="job.succeeded",
                message=_SUCCESS[outcome].format(
                    branch=work.job.working_branch, url=work.job.pull_request_url
                ),
                payload={
                    "outcome": outcome.name,
                    "branch": work.job.working_branch,
                    **({"pullRequestUrl": url} if (url := work.job.pull_request_url) else {}),
                },
            ),
            state=JobState.SUCCEEDED,
            outcome=outcome,
        )
        await self._ended(work)

    async def _fail(self, work: Work, failure: Failure, state: JobState) -> None:
        job = await work.refresh()
        told = [
            stage_event(stage, "failed", failure.message, reason=failure.reason.value)
            for stage in (job.stage,)
            if stage is not None
        ]
        await keep_stage_logs(work, *told)
        name = "deadLettered" if state is JobState.DEAD_LETTER else "failed"
        await work.tools.store.end(
            work.claim,
            *told,
            NewEvent(
                type=f"job.{name}",
                message=failure.message,
                payload={
                    "reason": failure.reason.value,
                    "remedy": failure.remedy,
                    "stepIndex": failure.step_index,
                },
            ),
            state=state,
            outcome=JobOutcome.FAILED,
            failure=failure,
        )
        await self._ended(work)

    async def _end_cancelled(self, work: Work) -> None:
        job = await work.refresh()
        told = [
            stage_event(stage, "cancelled", "The job was asked to stop.")
            for stage in (job.stage,)
            if stage is not None
        ]
        await keep_stage_logs(work, *told)
        receipt = await receipts.told_before(work)
        if receipt is None:
            receipt = await receipts.of_nothing(work)
        requested = job.cancel_requested
        await work.tools.store.end(
            work.claim,
            *told,
            NewEvent(
                type="job.cancelled",
                message=f"Cancelled by {requested.by}." if requested else "Cancelled.",
                payload={"reason": requested.reason if requested else "", "receipt": receipt},
            ),
            state=JobState.CANCELLED,
            outcome=JobOutcome.CANCELLED,
        )
        await self._ended(work)

    async def _ended(self, work: Work) -> None:
        # There is nothing to renew any more, and a renewal would look like a lease lost.
        work.lease.leave()
        work.told()
        reach(Point.F2, StoreAway)
        await leave(work)
        reach(Point.F3)

    async def _requeue(self, work: Work, why: str, wait: timedelta) -> None:
        await work.refresh()
        work.lease.check()
        await leave(work)
        await work.tools.store.unhouse(work.claim)
        try:
            await work.tools.store.requeue(
                work.claim,
                NewEvent(
                    type="job.requeued",
                    message=f"Back in the queue: {why}.",
                    payload={"why": why},
                ),
                not_before=work.tools.now() + wait if wait else None,
            )
        except CancelWins:
            await self._end_cancelled(work)


_SUCCESS = {
    JobOutcome.PULL_REQUEST: "The result is in the pull request {url}.",
    JobOutcome.BRANCH: "The result is on the branch {branch}.",
    JobOutcome.NO_CHANGES: "The steps changed nothing; nothing was published.",
    JobOutcome.PUBLISH_DISABLED: "The steps have run; the result is patches/changes.patch.",
}


def _in_mid_step(job: Job) -> bool:
    """A lost owner has left a run: whatever ends the job has to end that first."""
    return any(step.state is StepState.RUNNING for step in job.steps)


def _time_left(job: Job, work: Work) -> float:
    """Seconds until the job's deadline, which counts from its first claim."""
    started = job.start_time or work.tools.now()
    return (started + work.plan.limits.job_timeout - work.tools.now()).total_seconds()
