"""`pawl submit`: stores a task as a job."""

import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from pawl.cli import documents, payload
from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.refusals import Unusable, say, tell_warnings
from pawl.cli.watching.follow import follow
from pawl.cli.watching.views import view_for
from pawl.client import connected


async def submit(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    watch: Annotated[bool, Parameter(negative="")] = False,
    request_id: str = "",
    priority: int = 0,
    max_attempts: int = 0,
    label: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    expected_digest: str = "",
    options: Options = DEFAULTS,
) -> int:
    """Store a task as a job, and print the job's id.

    Parameters
    ----------
    file
        YAML or JSON; - is standard input.
    watch
        Stay until the job has ended; progress goes to standard error, so that
        standard output holds the job id alone.
    request_id
        Makes the command safe to repeat: the same id and payload give the same job.
    priority
        Higher is claimed first; -1000 to 1000.
    max_attempts
        How often in a row the platform may lose the job; 0 leaves it to the service.
    label
        KEY=VALUE, any number of times.
    expected_digest
        Refuse unless the plan has this digest, as `pawl validate` shows it.
    """
    given = payload.read(file)
    labels = _labels(label)
    async with connected(options.target, token=options.token) as client:
        answer = await client.submit(
            given,
            request_id=request_id,
            priority=priority,
            max_attempts=max_attempts,
            labels=labels,
            expected_digest=expected_digest,
        )
        if options.json:
            documents.put(answer)
        else:
            tell_warnings(answer.warnings)
            if answer.replayed:
                say("this request id has a job already; nothing new was stored")
            sys.stdout.write(f"{answer.job.job_id}\n")
            sys.stdout.flush()
        if not watch:
            return SUCCEEDED
        stream = sys.stdout if options.json else sys.stderr
        with view_for(answer.job, stream, json=options.json, output=False) as view:
            return await follow(client, answer.job.job_id, view)


def _labels(given: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for item in given:
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise Unusable(f"--label {item!r} is not KEY=VALUE")
        if key in labels:
            raise Unusable(f"--label {key} is given twice; keep one")
        labels[key] = value
    return labels
