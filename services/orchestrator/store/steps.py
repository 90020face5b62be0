"""What the owner of a claim writes about a step, from its start to its end."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import Artifact, NewEvent, Segment, StepState, Usage, total
from services.orchestrator.store import output, rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.text import clean
from services.orchestrator.store.writes import PROGRESS, driven, store_artifacts

job = tables.job
step = tables.step


def start(
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
    _change(
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


def close(
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
    _change(
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


def _change(
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
