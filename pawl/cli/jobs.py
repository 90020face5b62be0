"""`pawl jobs`: lists them."""

from typing import Annotated, Literal

from cyclopts import Parameter

from pawl.cli import documents, tables
from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.refusals import say
from pawl.cli.text import line
from pawl.client import Job, JobOutcome, JobState, StepState, connected

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "dead-letter"]

_STATES: dict[State, JobState] = {
    "queued": JobState.JOB_STATE_QUEUED,
    "running": JobState.JOB_STATE_RUNNING,
    "succeeded": JobState.JOB_STATE_SUCCEEDED,
    "failed": JobState.JOB_STATE_FAILED,
    "cancelled": JobState.JOB_STATE_CANCELLED,
    "dead-letter": JobState.JOB_STATE_DEAD_LETTER,
}


async def jobs(
    *,
    state: Annotated[tuple[State, ...], Parameter(negative="")] = (),
    runtime: str = "",
    repository: str = "",
    label: str = "",
    page_size: int = 0,
    page_token: str = "",
    options: Options = DEFAULTS,
) -> int:
    """List jobs, newest first, one page at a time.

    Parameters
    ----------
    state
        Only jobs in this state; may be given more than once.
    runtime
        Only jobs of this runtime.
    repository
        Only jobs on this repository.
    label
        Only jobs with this label: KEY=VALUE, or KEY for any value.
    page_size
        0 leaves it to the service.
    page_token
        As the page before told it.
    """
    states = [_STATES[name] for name in state]
    async with connected(options.target, token=options.token) as client:
        page = await client.jobs(
            states=states,
            runtime=runtime,
            repository=repository,
            label=label,
            page_size=page_size,
            page_token=page_token,
        )
    if options.json:
        documents.put(page)
        return SUCCEEDED
    tables.put(
        ("job", "state", "outcome", "steps", "runtime", "repository", "created"),
        [_row(job) for job in page.jobs],
    )
    if page.next_page_token:
        say(f"there are more: pawl jobs --page-token {line(page.next_page_token)}")
    return SUCCEEDED


def _row(job: Job) -> tuple[str, ...]:
    done = sum(step.state == StepState.STEP_STATE_SUCCEEDED for step in job.steps)
    ended = job.outcome != JobOutcome.JOB_OUTCOME_UNSPECIFIED
    return (
        job.job_id,
        tables.word(JobState.Name(job.state), "JOB_STATE_"),
        tables.word(JobOutcome.Name(job.outcome), "JOB_OUTCOME_") if ended else "",
        f"{done}/{len(job.steps)}",
        job.runtime,
        job.repository,
        tables.moment(job.create_time),
    )
