"""What the owner of a claim writes about its job as a whole."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pawl.wire.faultpoints import Point, begin
from services.orchestrator.jobs.claim import CancelWins, Claim
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import Artifact, Job, JobOutcome, JobState, NewEvent
from services.orchestrator.store import jobs, listing, rows, tables
from services.orchestrator.store.engine import now
from services.orchestrator.store.text import clean
from services.orchestrator.store.writes import GONE, IN_ORDER, PROGRESS, driven, store_artifacts

job = tables.job


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


def keep(connection: sa.Connection, claim: Claim, artifacts: Sequence[Artifact]) -> None:
    """Lists artifacts."""
    store_artifacts(connection, driven(connection, claim), artifacts)


def wait(connection: sa.Connection, claim: Claim, *, excused: timedelta, asked: bool) -> None:
    """From now on the owner asks nobody for a while; losing it then tells nothing of the job.

    That it has lived to see what it `asked` stay unanswered is progress. Both for no longer than
    `excused` since owners have first waited without any other.
    """
    since = sa.func.coalesce(job.c.waited_since, now())
    within = now() - since <= rows.micros(excused)
    changes = {"waiting": sa.case((within, sa.true()), else_=sa.false()), "waited_since": since}
    if asked:
        count = job.c.claims_without_progress
        changes["claims_without_progress"] = sa.case((within, 0), else_=count)
    driven(connection, claim, (), changes)


def go_on(connection: sa.Connection, claim: Claim) -> None:
    """The owner asks again."""
    driven(connection, claim, (), {"waiting": False})


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
            **IN_ORDER,
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
