"""`pawl cancel`: asks a job to stop."""

import sys
from typing import Annotated

from cyclopts import Parameter

from pawl.cli import documents, tables
from pawl.cli.exits import JOB_FAILED, SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.refusals import say
from pawl.cli.watching.follow import end_of
from pawl.client import JobState, connected


async def cancel(
    job: str,
    /,
    *,
    reason: str = "",
    wait: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> int:
    """Ask a job to stop, and print the state it is in.

    Parameters
    ----------
    job
        The job's id.
    reason
        Shown with the job.
    wait
        Stay until the job has ended; the exit code is 1 if it was not cancelled after all.
    """
    async with connected(options.target, token=options.token) as client:
        found = await client.cancel(job, reason)
        if wait:
            found = await end_of(client, found)
    cancelled = found.state == JobState.JOB_STATE_CANCELLED
    state = tables.word(JobState.Name(found.state), "JOB_STATE_")
    if options.json:
        documents.put(found)
    else:
        sys.stdout.write(f"{state}\n")
        if not wait and not cancelled:
            say(f"the request is stored; the job stops soon: pawl watch {found.job_id}")
    return JOB_FAILED if wait and not cancelled else SUCCEEDED
