"""Follows one job to its end, or until somebody leaves."""

import asyncio
import signal
from contextlib import aclosing

from pawl.cli.exits import CANCELLED, JOB_FAILED, SUCCEEDED, UNREACHABLE
from pawl.cli.refusals import say
from pawl.cli.watching.views import View
from pawl.client import TERMINAL, Job, JobEvent, JobState, OrchestratorClient

_CODES = {
    JobState.JOB_STATE_SUCCEEDED: SUCCEEDED,
    JobState.JOB_STATE_FAILED: JOB_FAILED,
    JobState.JOB_STATE_DEAD_LETTER: JOB_FAILED,
    JobState.JOB_STATE_CANCELLED: CANCELLED,
}


async def follow(
    client: OrchestratorClient, job_id: str, view: View, *, after: int = 0, output: bool = False
) -> int:
    """Shows what happens until the job has ended; the exit code that its end stands for.

    SIGINT and SIGTERM detach: the job goes on, and 0 is returned.
    """
    loop = asyncio.get_running_loop()
    last = after
    attached = asyncio.timeout(None)
    try:
        async with attached:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, lambda: attached.reschedule(loop.time()))
            async with aclosing(client.watch(job_id, after=after, output=output)) as happenings:
                async for happened in happenings:
                    view.show(happened)
                    if isinstance(happened, JobEvent):
                        last = happened.sequence
            job = await client.job(job_id)
    except TimeoutError:
        if not attached.expired():
            raise
        view.close()
        say(f"detached; the job goes on: pawl watch {job_id} --after {last}")
        return SUCCEEDED
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    view.end(job)
    if job.state not in _CODES:
        say("the stream ended although the job has not; watch it again")
    return _CODES.get(job.state, UNREACHABLE)


async def end_of(client: OrchestratorClient, job: Job) -> Job:
    """The job once it has ended."""
    if job.state in TERMINAL:
        return job
    async with aclosing(client.watch(job.job_id, after=job.last_sequence)) as happenings:
        async for _ in happenings:
            pass
    return await client.job(job.job_id)
