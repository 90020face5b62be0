"""Opens jobs again that ended without what was asked for."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from pawl.wire.errors import Aborted, FailedPrecondition, InvalidArgument, Refusal, Violation
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import (
    Job,
    JobState,
    NewEvent,
    Step,
    StepState,
    Usage,
    total,
)
from services.orchestrator.jobs.paths import JOB_PATHS, step_paths, under_attempt
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.store import jobs, rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.writes import PROGRESS, moved, named, store_events

job = tables.job
step = tables.step
artifact = tables.artifact

REOPENED = (JobState.FAILED, JobState.DEAD_LETTER)

_FRESH: dict[str, Any] = {
    "state": JobState.QUEUED,
    "outcome": None,
    "failure_reason": None,
    "failure_message": None,
    "failure_remedy": None,
    "failure_step_index": None,
    "losses": 0,
    **PROGRESS,
    "cancel_too_late_told": False,
    "owner": "",
    "lease_until": None,
    "end_time": None,
    "opened_time": now(),
    "queued_time": now(),
    # Its limits count from here: yesterday's job would have no time left.
    "start_time": None,
    "workspace_id": "",
    "runner_id": "",
    "incarnation": "",
}
_PENDING: dict[str, Any] = {
    "state": StepState.PENDING,
    "run_id": "",
    "runner_id": "",
    "incarnation": "",
    "workspace_id": "",
    "start_time": None,
    "end_time": None,
    "summary": "",
    "usage": None,
    "version": "",
    "checkpoint_commit": "",
    "checkpoint_tree": "",
}


def retry(
    connection: sa.Connection,
    job_id: str,
    *,
    by: str,
    from_step: int | None,
    ended_attempt: int,
    settle: timedelta,
) -> Job | None:
    """The job, QUEUED again with `job.retried`; None for no such job.

    Raises what RetryJob refuses; then nothing is changed.
    """
    row = moved(
        connection,
        sa.and_(
            job.c.job_id == job_id,
            job.c.state.in_(REOPENED),
            job.c.cancel_time.is_(None),
            job.c.checkpoints_removed_time.is_(None),
            sa.true() if not ended_attempt else job.c.attempt == ended_attempt,
        ),
        (),
        {
            # A run that nobody ended lives until its runner finds that nobody follows it.
            "not_before": sa.case(
                (job.c.failure_reason == Reason.POISONED, job.c.end_time + rows.micros(settle)),
                else_=None,
            ),
            "attempt": job.c.attempt + 1,
            **_FRESH,
        },
        later=1,
    )
    found = jobs.read(connection, job_id, with_plan=True)
    if row is None:
        if found is None or _was_opened_already(found, ended_attempt):
            return jobs.read(connection, job_id, with_plan=False)
        raise _refusal(found, ended_attempt)
    if found is None or found.plan is None:
        raise LookupError(f"job {job_id} was stored without its plan")
    first = found.cursor if from_step is None else from_step
    _check(found, first, intended=row["intent_recorded"])
    again = found.steps[first:]
    _set_aside(connection, job_id, again, ended=found.attempt - 1)
    connection.execute(
        sa.update(step).where(step.c.job_id == job_id, step.c.step_index >= first).values(_PENDING)
    )
    event = NewEvent(
        type="job.retried",
        message=f"{by} opened the job again, from step {first}."
        if first < len(found.steps)
        else f"{by} opened the job again, to be published.",
        payload={"by": by, "fromStepIndex": first, "endedAttempt": found.attempt - 1},
    )
    store_events(connection, row, [event])
    patience = found.plan.limits.queue_timeout
    left = None if patience is None else rows.micros(patience)
    publishing = found.stage is Stage.PUBLISH and first == len(found.steps)
    moved(
        connection,
        named(job_id, JobState.QUEUED),
        (),
        {
            "stage": Stage.PUBLISH if publishing else None,
            "spent": rows.usage_document(total([found.spent, *_unspent(again)])),
            "queue_left": left,
            "queue_deadline": None if left is None else now() + left,
        },
    )
    return jobs.sure(connection, job_id, with_plan=False)


def _unspent(steps: Sequence[Step]) -> Iterator[Usage | None]:
    """What steps consumed that is no part of the job's `spent` yet."""
    return (one.usage for one in steps if one.state is not StepState.LOST)


def _was_opened_already(found: Job, ended_attempt: int) -> bool:
    """The same call came before, and its answer was lost."""
    return bool(ended_attempt) and found.attempt == ended_attempt + 1 and not found.state.terminal


def _refusal(found: Job, ended_attempt: int) -> Refusal:
    """Why the job was not opened, by the state it is in."""
    name = found.job_id
    if not found.state.terminal:
        return FailedPrecondition("JOB_NOT_ENDED", f"job {name} has not ended; watch or cancel it")
    if found.state not in REOPENED:
        return FailedPrecondition(
            "JOB_ENDED", f"job {name} has ended as {found.state.name}; submit its task again"
        )
    if found.cancel_requested is not None:
        return FailedPrecondition(
            "CANCEL_REQUESTED", f"job {name} was asked to stop before it failed; submit it again"
        )
    if found.checkpoints_removed is not None:
        return FailedPrecondition(
            "CHECKPOINT_GONE",
            f"job {name} ended so long ago that its checkpoints are kept no more; submit its task"
            " again",
        )
    return Aborted(
        "ATTEMPT_MOVED",
        f"job {name} last ended in attempt {found.attempt}, not in {ended_attempt}; look again",
        metadata={"attempt": str(found.attempt)},
    )


def _check(found: Job, first: int, *, intended: bool) -> None:
    if not 0 <= first <= found.cursor:
        raise InvalidArgument(
            [
                Violation(
                    "from_step_index",
                    "OUT_OF_RANGE",
                    f"step {first} cannot come next; choose 0 to {found.cursor}",
                )
            ]
        )
    if intended and first < found.cursor:
        raise FailedPrecondition(
            "INTENT_RECORDED",
            f"what job {found.job_id} publishes is fixed, so no step can run again; leave"
            " from_step_index out",
        )


def _set_aside(
    connection: sa.Connection, job_id: str, steps: Sequence[Step], *, ended: int
) -> None:
    """Moves what earlier attempts left to below ``attempts/<n>/``."""
    for path, attempt in _left(steps, ended):
        connection.execute(
            sa.update(artifact)
            .where(artifact.c.job_id == job_id, artifact.c.path == path)
            .values(path=under_attempt(attempt, path))
        )


def _left(steps: Sequence[Step], ended: int) -> Iterator[tuple[str, int]]:
    for one in steps:
        for path in step_paths(one.index):
            yield path, one.attempt
    for path in JOB_PATHS:
        yield path, ended
