"""Which jobs a list takes: what it finds them by, and the question that finds them.

All but labels is in an index by state and order of submission, what is short also in one of
its own: each state is gone through from its end until a page is full, and a job that is
passed over costs no look at its row.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import JobState
from services.orchestrator.jobs.reading import JobFilter
from services.orchestrator.store import tables
from services.orchestrator.store.text import clean

job = tables.job
label = tables.label

INSTRUCTIONS_CHARACTERS = 400
TITLES_CHARACTERS = 600
FEW = 200
"""Jobs with a label that are looked up one by one."""


def columns(new: NewJob) -> dict[str, Any]:
    """What a job's row has for lists from the start."""
    titles = " ".join(step.title for step in new.plan.steps if step.title)
    found_by = (
        new.job_id,
        new.plan.repository,
        new.plan.instructions[:INSTRUCTIONS_CHARACTERS],
        titles[:TITLES_CHARACTERS],
    )
    return {
        "objective": clean(new.plan.objective),
        "publish_mode": new.plan.publish_mode,
        # With a space on either side, so that each can be looked for with both.
        "skills": f" {' '.join(new.plan.effective_skill_ids)} ",
        "found_by": " ".join(map(folded, found_by)),
    }


def also_found_by(text: str) -> sa.ColumnElement[str]:
    """The value of `found_by` with more text, once that is known."""
    return job.c.found_by.concat(f" {folded(text)}")


def folded(text: str) -> str:
    """The text as it is compared: case, composition of letters and blanks do not matter."""
    composed = unicodedata.normalize("NFC", clean(text)).casefold()
    return " ".join(unicodedata.normalize("NFC", composed).split())


def orders(
    connection: sa.Connection, matching: JobFilter, *, before: int | None, limit: int
) -> Sequence[int]:
    """The numbers, newest first, of the jobs that a list takes."""
    where = list(_conditions(matching))
    if before is not None:
        where.insert(0, job.c.submit_order < before)
    if matching.label:
        where.append(_labelled(connection, matching.label))
    newest = (
        sa.select(job.c.submit_order)
        .where(job.c.state == state, *where)
        .order_by(job.c.submit_order.desc())
        .limit(limit)
        .subquery()
        for state in dict.fromkeys(matching.states or JobState)
    )
    found = sa.union_all(*(sa.select(one.c.submit_order) for one in newest))
    return connection.scalars(found.order_by(sa.desc("submit_order")).limit(limit)).all()


def _conditions(matching: JobFilter) -> Iterator[sa.ColumnElement[bool]]:
    if matching.runtime:
        yield job.c.runtime == matching.runtime
    if matching.repository:
        yield job.c.repository == matching.repository
    if matching.publish_mode:
        yield job.c.publish_mode == matching.publish_mode
    if matching.skill:
        yield job.c.skills.contains(f" {matching.skill} ", autoescape=True)
    # The longest first: it is the rarest, and where it is not the others are not looked for.
    for word in sorted(set(folded(matching.text).split()), key=len, reverse=True):
        yield _has(word)


def _has(word: str) -> sa.ColumnElement[bool]:
    here = job.c.found_by.contains(word, autoescape=True)
    # There are few reasons: which of them have the word need not be asked of every row.
    reasons: Sequence[Reason] = [reason for reason in Reason if word in folded(reason)]
    return sa.or_(here, job.c.failure_reason.in_(reasons)) if reasons else here


def _labelled(connection: sa.Connection, wanted: str) -> sa.ColumnElement[bool]:
    key, equals, value = wanted.partition("=")
    has = [label.c.key == key, *([label.c.value == value] if equals else [])]
    query = sa.select(label.c.submit_order).where(*has)
    few = connection.scalars(query.limit(FEW + 1)).all()
    # Few are looked up; of many, whether a job is one of them is asked when its turn comes.
    if len(few) <= FEW:
        return job.c.submit_order.in_(few)
    return query.where(label.c.submit_order == job.c.submit_order).exists()
