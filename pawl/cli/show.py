"""`pawl show`: everything about one job."""

import sys

from pawl.cli import documents, tables
from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.client import Job, JobOutcome, JobState, Stage, Step, StepState, connected


async def show(job: str, /, *, options: Options = DEFAULTS) -> int:
    """Show one job: where it is, its steps and, if it failed, what to do.

    Parameters
    ----------
    job
        The job's id.
    """
    async with connected(options.target, token=options.token) as client:
        found = await client.job(job)
    if options.json:
        documents.put(found)
    else:
        put(found)
    return SUCCEEDED


def put(job: Job) -> None:
    """Prints a job for a person."""
    ended = job.outcome != JobOutcome.JOB_OUTCOME_UNSPECIFIED
    asked = job.cancel_requested
    tables.put_fields(
        (
            ("job", job.job_id),
            ("state", tables.word(JobState.Name(job.state), "JOB_STATE_")),
            ("outcome", tables.word(JobOutcome.Name(job.outcome), "JOB_OUTCOME_") if ended else ""),
            ("stage", tables.word(Stage.Name(job.stage), "STAGE_") if job.stage else ""),
            ("repository", job.repository),
            ("runtime", job.runtime),
            ("base commit", job.base_commit),
            ("working branch", job.working_branch),
            ("published commit", job.published_commit),
            ("pull request", job.pull_request_url),
            ("repeated by", ", ".join(f"#{number}" for number in job.duplicate_pull_requests)),
            ("attempt", f"{job.attempt} (at most {job.max_attempts})"),
            ("labels", ", ".join(f"{key}={value}" for key, value in sorted(job.labels.items()))),
            ("created", tables.moment(job.create_time)),
            ("not before", tables.moment(job.not_before)),
            ("started", tables.moment(job.start_time)),
            ("ended", tables.moment(job.end_time)),
            ("artifacts removed", tables.moment(job.artifacts_removed_time)),
            ("checkpoints removed", tables.moment(job.checkpoints_removed_time)),
            ("last event", str(job.last_sequence)),
            ("cancel asked", tables.moment(asked.time)),
            ("by", asked.by),
            ("because", asked.reason),
        )
    )
    if job.steps:
        sys.stdout.write("\n")
        columns = ("step", "state", "attempt", "id", "title", "took", "runner", "cli", "summary")
        tables.put(columns, [_row(step) for step in job.steps])
    if job.HasField("failure"):
        failure = job.failure
        at = f"step {failure.step_index}" if failure.HasField("step_index") else ""
        sys.stdout.write("\n")
        tables.put_fields(
            (
                ("failure", failure.reason),
                ("at", at),
                ("what happened", failure.message),
                ("what to do", failure.remedy),
                ("the log", _log(job) if at else ""),
            )
        )


def _log(job: Job) -> str:
    path = f"logs/steps/step-{job.failure.step_index:04}.log"
    return f"pawl artifacts {job.job_id} {path}"


def _row(step: Step) -> tuple[str, ...]:
    return (
        str(step.step_index),
        tables.word(StepState.Name(step.state), "STEP_STATE_"),
        str(step.attempt or ""),
        step.id,
        step.title,
        tables.span(step.start_time, step.end_time),
        step.runner_id,
        step.cli_version,
        step.summary,
    )
