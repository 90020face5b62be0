"""`pawl retry`: opens a failed job again."""

import sys
from typing import Annotated

from cyclopts import Parameter

from pawl.cli import documents
from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.refusals import say
from pawl.cli.watching.follow import follow
from pawl.cli.watching.views import view_for
from pawl.client import connected


async def retry(
    job: str,
    /,
    *,
    from_: Annotated[int | None, Parameter(name="--from")] = None,
    watch: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> int:
    """Open a job again that failed or was given up.

    It goes on from its last checkpoint: steps that succeeded are not run again. What the
    failed attempt left stays, below attempts/N/ of the job's artifacts.

    Parameters
    ----------
    job
        The job's id.
    from_
        Run this step again, and those behind it; steps count from 0.
    watch
        Follow the job until it has ended; the exit code then tells how.
    """
    async with connected(options.target, token=options.token) as client:
        before = (await client.job(job, with_plan=False)).last_sequence
        opened = await client.retry(job, from_step=from_)
        if options.json:
            documents.put(opened)
        else:
            sys.stdout.write(f"{opened.job_id}\n")
            sys.stdout.flush()
            if not watch:
                say(f"attempt {opened.attempt} is queued: pawl watch {job} --after {before}")
        if not watch:
            return SUCCEEDED
        whole = await client.job(job)
        stream = sys.stdout if options.json else sys.stderr
        with view_for(whole, stream, json=options.json, output=False) as view:
            return await follow(client, job, view, after=before)
