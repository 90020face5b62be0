"""`pawl watch`: follows a job until it has ended."""

import sys
from typing import Annotated

from cyclopts import Parameter

from pawl.cli.options import DEFAULTS, Options
from pawl.cli.watching.follow import follow
from pawl.cli.watching.views import view_for
from pawl.client import connected


async def watch(
    job: str,
    /,
    *,
    after: int = 0,
    output: Annotated[bool, Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> int:
    """Follow a job until it has ended; Ctrl-C only detaches.

    Parameters
    ----------
    job
        The job's id.
    after
        Begin behind the event with this sequence number.
    output
        Show what the agent's command line tool writes, too. Where standard
        output is no terminal it gets those bytes as they are, and the events
        go to standard error.
    """
    async with connected(options.target, token=options.token) as client:
        found = await client.job(job)
        with view_for(found, sys.stdout, json=options.json, output=output) as view:
            return await follow(client, job, view, after=after, output=output)
