"""A stage's log, told from the job's own events."""

from collections.abc import AsyncIterator
from datetime import datetime

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.job import Artifact, Event, NewEvent
from services.orchestrator.jobs.plan import Stage

logger = structlog.get_logger(__name__)

PAGE = 500


async def keep_stage_logs(work: Work, *coming: NewEvent) -> None:
    """`logs/prepare.log`, `logs/execute.log`, `logs/publish.log`, as far as they were entered.

    `coming` is what the job's last write will tell.
    """
    lines: dict[Stage, list[str]] = {}

    def tell(event: Event | NewEvent, time: datetime) -> None:
        if event.stage is not None:
            line = f"{time.isoformat(timespec='milliseconds')} {event.type} {event.message}\n"
            lines.setdefault(event.stage, []).append(line)

    async for event in events_of(work):
        tell(event, event.create_time)
    for new in coming:
        tell(new, work.tools.now())
    try:
        kept: list[Artifact] = [
            await work.tools.artifacts.put_bytes(
                work.job.job_id, f"logs/{stage.value}.log", "".join(told).encode()
            )
            for stage, told in lines.items()
        ]
    except (JobFailed, Unavailable) as error:
        # They retell the job's events: a full disk must not keep the job from ending.
        logger.warning("no_stage_logs", why=str(error))
        return
    await work.tools.store.keep(work.claim, kept)


async def events_of(work: Work) -> AsyncIterator[Event]:
    """What was told of the job so far."""
    after = 0
    while True:
        page = await work.tools.store.events(work.job.job_id, after=after, limit=PAGE)
        for event in page:
            yield event
        if len(page) < PAGE:
            return
        after = page[-1].sequence
