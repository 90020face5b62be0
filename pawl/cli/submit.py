"""`pawl submit`: stores a task as a job."""

import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from pawl.cli import documents, payload
from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.places import Places
from pawl.cli.refusals import Unusable, say, tell, tell_warnings
from pawl.cli.watching.follow import follow
from pawl.cli.watching.views import view_for
from pawl.client import connected
from pawl.wire.errors import FailedPrecondition, InvalidArgument


async def submit(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    watch: Annotated[bool, Parameter(negative="")] = False,
    request_id: str = "",
    priority: int = 0,
    max_attempts: int = 0,
    label: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    expected_digest: str | None = None,
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
        Store nothing unless the plan has this digest. `pawl validate` shows it, so that
        exactly what you looked at runs.
    """
    if expected_digest is not None and not expected_digest.strip():
        raise Unusable("--expected-digest is empty; leave it out, or give the digest of the plan")
    expected = (expected_digest or "").strip()
    given = payload.read(file)
    labels = _labels(label)
    async with connected(options.target, token=options.token) as client:
        try:
            answer = await client.submit(
                given.value,
                request_id=request_id,
                priority=priority,
                max_attempts=max_attempts,
                labels=labels,
                expected_digest=expected,
            )
        except InvalidArgument as refusal:
            if refusal.reason != "TASK_INVALID":
                raise
            return tell(refusal, Places(given).place)
        except FailedPrecondition as refusal:
            if refusal.reason != "DIGEST_MISMATCH":
                raise
            return _tell_both(refusal, expected, file)
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


def _tell_both(refusal: FailedPrecondition, expected: str, file: str) -> int:
    code = tell(refusal)
    say(f"expected: {expected}")
    say(f"would run: {refusal.metadata.get('digest') or '(the service does not say)'}")
    look = "pawl validate FILE" if file == "-" else f"pawl validate {shlex.quote(file)}"
    say(
        f"nothing was stored. Look at `{look}`: if that is what is to run, submit with its"
        " digest. Should it still show the expected one, it asks a contract with other"
        " defaults than the orchestrator's"
    )
    return code


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
