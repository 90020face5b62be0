"""`pawl jobs`: lists them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Column

from pawl.cli import documents, tables
from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.refusals import say
from pawl.cli.text import line
from pawl.client import Job, JobOutcome, JobState, StepState, connected

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "dead-letter"]
Publish = Literal["none", "branch", "pr"]

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
    skill: str = "",
    publish: Publish | None = None,
    text: str = "",
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
    skill
        Only jobs whose task or one of whose steps has this skill in effect.
    publish
        Only jobs whose result was to be published like this.
    text
        Only jobs in whose objective, steps' titles, repository, branch, id or reason of
        failure each of these words occurs.
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
            skill=skill,
            publish_mode=publish or "",
            text=text,
            page_size=page_size,
            page_token=page_token,
        )
    if options.json:
        documents.put(page)
        return SUCCEEDED
    if not page.jobs:
        narrow = (states, runtime, repository, label, skill, publish, text, page_token)
        say("no job is like that" if any(narrow) else "there are no jobs yet")
    else:
        _put(page.jobs)
    if page.next_page_token:
        say(f"there are more: the same with --page-token {line(page.next_page_token)}")
    return SUCCEEDED


def _put(found: Sequence[Job]) -> None:
    tables.put(
        (
            # An id that is broken over lines cannot be copied.
            Column("job", no_wrap=True),
            *("state", "outcome", "steps", "runtime", "repository", "created", "objective"),
        ),
        [_row(job) for job in found],
    )


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
        job.objective,
    )
