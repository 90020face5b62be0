"""What a job means to publish, how far that is."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.claim import CancelWins, Claim
from services.orchestrator.jobs.forge import WantedPullRequest
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.jobs.publishing import Phase, Publication
from services.orchestrator.store import rows, tables
from services.orchestrator.store.text import clean
from services.orchestrator.store.writes import PROGRESS, driven

publication = tables.publication


def read(connection: sa.Connection, job_id: str) -> Publication | None:
    """The recorded intent."""
    found = connection.execute(sa.select(publication).where(publication.c.job_id == job_id))
    row = found.mappings().one_or_none()
    return None if row is None else rows.publication(row)


def intend(
    connection: sa.Connection, claim: Claim, wanted: Publication, events: Sequence[NewEvent]
) -> Publication:
    """Records the intent where there is none; the events are stored only then."""
    driven(connection, claim)
    recorded = read(connection, claim.job_id)
    if recorded is not None:
        return recorded
    row = driven(connection, claim, events, {"intent_recorded": True, **PROGRESS})
    if row["cancel_time"] is not None:
        raise CancelWins
    connection.execute(
        sa.insert(publication).values(
            job_id=claim.job_id,
            branch=wanted.branch,
            expected=wanted.expected,
            base_commit=wanted.base_commit,
            tree=wanted.tree,
            commit=wanted.commit,
            message=clean(wanted.message),
            phase=wanted.phase,
            pull_request=_document(wanted.pull_request),
        )
    )
    return wanted


def reach(
    connection: sa.Connection, claim: Claim, phase: Phase, events: Sequence[NewEvent]
) -> None:
    """Moves the publication forward; where it is that far already nothing is stored."""
    recorded = _intended(connection, claim)
    if not _is_behind(recorded, phase):
        return
    pushed = {"published_commit": recorded.commit} if phase is Phase.PUSHED else {}
    driven(connection, claim, events, {**pushed, **PROGRESS})
    _change(connection, claim, phase=phase)


def request(connection: sa.Connection, claim: Claim) -> None:
    """Notes that a request which may open a pull request is about to begin."""
    row = driven(connection, claim)
    recorded = read(connection, claim.job_id)
    if recorded is not None and recorded.request_time is None:
        # A later one is none: a request that ends its owner would be made without end.
        driven(connection, claim, (), PROGRESS)
    _change(connection, claim, request_time=row["now"])


def opened(
    connection: sa.Connection,
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    number: int,
    url: str,
) -> None:
    """Records the job's pull request; where there is one already nothing is stored."""
    if not _is_behind(_intended(connection, claim), Phase.OPENED):
        return
    driven(connection, claim, events, {"pull_request_url": clean(url), **PROGRESS})
    _change(connection, claim, phase=Phase.OPENED, pull_number=number)


def _intended(connection: sa.Connection, claim: Claim) -> Publication:
    driven(connection, claim)
    recorded = read(connection, claim.job_id)
    if recorded is None:
        raise ValueError(f"job {claim.job_id} has recorded no intent to publish")
    return recorded


def _is_behind(recorded: Publication, phase: Phase) -> bool:
    order = list(Phase)
    return order.index(recorded.phase) < order.index(phase)


def _change(connection: sa.Connection, claim: Claim, **changes: Any) -> None:
    connection.execute(
        sa.update(publication).where(publication.c.job_id == claim.job_id).values(**changes)
    )


def _document(wanted: WantedPullRequest | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    return {**asdict(wanted), "title": clean(wanted.title), "body": clean(wanted.body)}
