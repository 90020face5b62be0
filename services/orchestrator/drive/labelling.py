"""Puts the operator's labels on a job's pull request, which is complete without them."""

from datetime import timedelta

import structlog

from services.orchestrator.drive.pauses import rest
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.forge import (
    AskedTooSoon,
    ForgeAway,
    ForgeRepository,
    TokenRefused,
)
from services.orchestrator.jobs.publishing import Publication

logger = structlog.get_logger(__name__)

TRIES = 3


async def see_to_labels(work: Work, publication: Publication) -> str:
    """Adds the labels that the intent names; gives why they are missing, or nothing.

    They are asked for anew by every owner: the forge adds each once. Raises LeaseLost alone,
    for what a person has to review is there already.
    """
    wanted, number = publication.pull_request, publication.pull_number
    if wanted is None or number is None or not wanted.labels:
        return ""
    pause, why = work.tools.pace.back_off, ""
    repository: ForgeRepository | None = None
    renewed = False
    for left in reversed(range(TRIES)):
        asked: timedelta | None = None
        try:
            if repository is None:
                repository = await _repository(work, fresh=renewed)
            work.lease.check()
            await repository.label(number, wanted.labels)
        except ForgeAway as away:
            why, asked = away.words, away.retry_after
        except AskedTooSoon as early:
            why = early.failure.message
        except TokenRefused as refused:
            why = str(refused)
            if renewed:
                break
            repository, renewed = None, True
            continue
        except JobFailed as declined:
            why = declined.failure.message
            break
        else:
            return ""
        if left:
            wait = min(asked or pause, work.tools.pace.longest_pause)
            await rest(work, wait)
        pause *= 2
    logger.warning("labels_missing", job_id=work.job.job_id, number=number, why=why)
    return why


async def _repository(work: Work, *, fresh: bool) -> ForgeRepository:
    access = work.tools.forge
    if access is None:
        raise ForgeAway("this orchestrator has no token for the forge")
    return await access.repository(
        (await work.mirror()).location, work.plan, holder=work.refs.holder, fresh=fresh
    )
