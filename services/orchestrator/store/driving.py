"""What the owner of a claim writes about its job and the job's steps."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pawl.wire.faultpoints import Point, begin
from services.orchestrator.jobs.claim import CancelWins, Claim
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import (
    Artifact,
    Job,
    JobOutcome,
    JobState,
    NewEvent,
    Segment,
    StepState,
    Usage,
    total,
)
from services.orchestrator.store import jobs, listing, output, rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.text import clean
from services.orchestrator.store.writes import GONE, PROGRESS, UNCOUNTED, driven, store_artifacts

job = tables.job
step = tables.step


def pin(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    default_branch: str,
    base_commit: str,
    working_branch: str,
) -> Job:
    """Fixes base and branches where they are not fixed; the events are stored only then."""
    row = driven(connection, claim)
    if not row["base_commit"]:
        driven(
            connection,
            claim,
            events,
            {
                "default_branch": default_branch,
                "base_commit": base_commit,
                "working_branch": working_branch,
                "found_by": listing.also_found_by(working_branch),
                **PROGRESS,
            },
        )
    return jobs.sure(connection, claim.job_id, with_plan=True)


def house(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    workspace_id: str,
    runner_id: str,
    incarnation: str,
) -> None:
    """Notes which workspace the job uses; its id ends in its number."""
    number = int(workspace_id.rpartition("/")[2])
    driven(
        connection,
        claim,
        events,
        {
            "workspace_id": workspace_id,
            "runner_id": runner_id,
            "incarnation": incarnation,
            "workspace_count": sa.case(
                (job.c.workspace_count < number, number), else_=job.c.workspace_count
            ),
        },
    )


def start_step(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    step_index: int,
    attempt: int,
    run: Mapping[str, str],
) -> None:
    """The step runs; `run` has run_id, runner_id, incarnation and workspace_id."""
    row = driven(connection, claim, events, PROGRESS)
    _change_step(
        connection,
        row,
        step_index,
        step.c.state.not_in([StepState.RUNNING, StepState.SUCCEEDED]),
        {
            "state": StepState.RUNNING,
            "attempt": attempt,
            "start_time": row["now"],
            "end_time": None,
            "summary": "",
            "usage": None,
            "version": "",
            **run,
        },
    )


def tell_version(
    connection: sa.Connection, claim: Claim, *, step_index: int, attempt: int, version: str
) -> None:
    """Notes the CLI's version; an attempt that has ended keeps what it has."""
    driven(connection, claim)
    connection.execute(
        sa.update(step)
        .where(
            step.c.job_id == claim.job_id,
            step.c.step_index == step_index,
            step.c.attempt == attempt,
            step.c.state == StepState.RUNNING,
        )
        .values(version=clean(version))
    )


def close_step(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    step_index: int,
    state: StepState,
    summary: str,
    usage: Usage | None,
    artifacts: Sequence[Artifact],
    commit: str = "",
    tree: str = "",
    counted: bool = True,
) -> None:
    """The end of a step's attempt: its artifacts, its checkpoint if it has one."""
    row = driven(connection, claim, events, PROGRESS)
    _change_step(
        connection,
        row,
        step_index,
        step.c.state == StepState.RUNNING,
        {
            "state": state,
            "end_time": row["now"],
            "summary": clean(summary),
            "usage": rows.usage_document(usage),
            "checkpoint_commit": commit,
            "checkpoint_tree": tree,
        },
    )
    store_artifacts(connection, row, artifacts)
    attempt = connection.scalar(
        sa.select(step.c.attempt).where(
            step.c.job_id == claim.job_id, step.c.step_index == step_index
        )
    )
    output.forget(connection, claim.job_id, step_index=step_index, attempt=attempt or 0)
    # Only now: the events belong to the attempt that has ended.
    if state is StepState.LOST:
        spent = connection.scalar(sa.select(job.c.spent).where(job.c.job_id == claim.job_id))
        driven(
            connection,
            claim,
            (),
            {
                "attempt": job.c.attempt + 1,
                "losses": job.c.losses + (1 if counted else 0),
                "spent": rows.usage_document(total([rows.usage(spent), usage])),
            },
        )
    elif state is StepState.SUCCEEDED:
        driven(connection, claim, (), {"losses": 0})


def append_output(connection: sa.Connection, claim: Claim, segments: Sequence[Segment]) -> None:
    """Stores segments whose bytes are durable already."""
    driven(connection, claim, (), {"output_time": now(), **PROGRESS})
    output.append(connection, claim.job_id, segments)


def merge_output(
    connection: sa.Connection, claim: Claim, merged: Segment, *, first_order: int
) -> None:
    """Puts one segment in the place of several."""
    driven(connection, claim, (), PROGRESS)
    output.merge(connection, claim.job_id, merged, first_order=first_order)


def join_output(
    connection: sa.Connection,
    claim: Claim,
    *,
    step_index: int,
    attempt: int,
    artifacts: Sequence[Artifact],
) -> None:
    """Lists the logs of an attempt in the place of its segments."""
    store_artifacts(connection, driven(connection, claim), artifacts)
    output.forget(connection, claim.job_id, step_index=step_index, attempt=attempt)


def keep(connection: sa.Connection, claim: Claim, artifacts: Sequence[Artifact]) -> None:
    """Lists artifacts."""
    store_artifacts(connection, driven(connection, claim), artifacts)


def requeue(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    not_before: datetime | None,
) -> None:
    """QUEUED again; a claim that ends in good order does not count as a lost owner."""
    earliest = rows.stamp(not_before)
    begin: Any = now()
    if earliest is not None:
        begin = sa.case((now() > earliest, now()), else_=earliest)
    row = driven(
        connection,
        claim,
        events,
        {
            "state": JobState.QUEUED,
            "owner": "",
            "lease_until": None,
            "not_before": earliest,
            "queued_time": now(),
            "queue_deadline": sa.case(
                (job.c.queue_left.is_not(None), begin + job.c.queue_left), else_=None
            ),
            "claims_without_progress": UNCOUNTED,
        },
    )
    if row["cancel_time"] is not None:
        raise CancelWins


def end(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    state: JobState,
    outcome: JobOutcome,
    failure: Failure | None,
) -> None:
    """The last write there is for a job."""
    changes: dict[str, Any] = {"state": state, "outcome": outcome, **GONE}
    if failure is not None:
        changes |= {
            "failure_reason": failure.reason,
            "failure_message": clean(failure.message),
            "failure_remedy": clean(failure.remedy),
            "failure_step_index": failure.step_index,
        }
    row = driven(connection, claim, events, changes)
    begin(Point.F1)
    cancelled = row["cancel_time"] is not None and not row["intent_recorded"]
    if state is JobState.SUCCEEDED and cancelled:
        raise CancelWins


def _change_step(
    connection: sa.Connection,
    row: rows.Row,
    step_index: int,
    lawful: sa.ColumnElement[bool],
    changes: dict[str, Any],
) -> None:
    changed = connection.execute(
        sa.update(step)
        .where(step.c.job_id == row["job_id"], step.c.step_index == step_index, lawful)
        .values(**changes)
    )
    if changed.rowcount != 1:
        raise ValueError(
            f"step {step_index} of job {row['job_id']} is in no state to become {changes['state']}"
        )
