"""What the owner of a claim writes about its job and the job's steps."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import (
    Artifact,
    JobOutcome,
    JobState,
    NewEvent,
    StepState,
    Usage,
)
from services.orchestrator.jobs.store import CancelWins, Claim
from services.orchestrator.store import output, rows, tables
from services.orchestrator.store.accepting import GONE
from services.orchestrator.store.engine import now
from services.orchestrator.store.text import clean
from services.orchestrator.store.writes import UNCOUNTED, driven, store_artifacts

job = tables.job
step = tables.step


async def pin(
    connection: AsyncConnection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    default_branch: str,
    base_commit: str,
    working_branch: str,
) -> None:
    """Fixes base and branches where they are not fixed; the events are stored only then."""
    row = await driven(connection, claim)
    if row["base_commit"]:
        return
    await driven(
        connection,
        claim,
        events,
        {
            "default_branch": default_branch,
            "base_commit": base_commit,
            "working_branch": working_branch,
        },
    )


async def house(
    connection: AsyncConnection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    workspace_id: str,
    runner_id: str,
    incarnation: str,
) -> None:
    """Notes which workspace the job uses; its id ends in its number."""
    number = int(workspace_id.rpartition("/")[2])
    await driven(
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


async def start_step(
    connection: AsyncConnection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    step_index: int,
    attempt: int,
    **run: str,
) -> None:
    """The step runs; `run` is run_id, runner_id, incarnation and workspace_id."""
    row = await driven(connection, claim, events)
    await _change_step(
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
            **run,
        },
    )


async def close_step(
    connection: AsyncConnection,
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
) -> None:
    """The end of a step's attempt: its artifacts, its checkpoint if it has one."""
    row = await driven(connection, claim, events)
    await _change_step(
        connection,
        row,
        step_index,
        step.c.state == StepState.RUNNING,
        {
            "state": state,
            "end_time": row["now"],
            "summary": clean(summary),
            "usage": None if usage is None else asdict(usage),
            "checkpoint_commit": commit,
            "checkpoint_tree": tree,
        },
    )
    await store_artifacts(connection, row, artifacts)
    attempt = await connection.scalar(
        sa.select(step.c.attempt).where(
            step.c.job_id == claim.job_id, step.c.step_index == step_index
        )
    )
    await output.forget(connection, claim.job_id, step_index=step_index, attempt=attempt or 0)
    # Only now: the events belong to the attempt that has ended.
    if state is StepState.LOST:
        await driven(
            connection, claim, (), {"attempt": job.c.attempt + 1, "losses": job.c.losses + 1}
        )
    elif state is StepState.SUCCEEDED:
        await driven(connection, claim, (), {"losses": 0, "claims_without_progress": 0})


async def requeue(
    connection: AsyncConnection,
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
    row = await driven(
        connection,
        claim,
        events,
        {
            "state": JobState.QUEUED,
            "owner": "",
            "lease_until": None,
            "not_before": earliest,
            "queue_deadline": sa.case(
                (job.c.queue_left.is_not(None), begin + job.c.queue_left), else_=None
            ),
            "claims_without_progress": UNCOUNTED,
        },
    )
    if row["cancel_time"] is not None:
        raise CancelWins


async def end(
    connection: AsyncConnection,
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
    row = await driven(connection, claim, events, changes)
    cancelled = row["cancel_time"] is not None and not row["intent_recorded"]
    if state is JobState.SUCCEEDED and cancelled:
        raise CancelWins


async def _change_step(
    connection: AsyncConnection,
    row: rows.Row,
    step_index: int,
    lawful: sa.ColumnElement[bool],
    changes: dict[str, Any],
) -> None:
    changed = await connection.execute(
        sa.update(step)
        .where(step.c.job_id == row["job_id"], step.c.step_index == step_index, lawful)
        .values(**changes)
    )
    if changed.rowcount != 1:
        raise ValueError(
            f"step {step_index} of job {row['job_id']} is in no state to become {changes['state']}"
        )
