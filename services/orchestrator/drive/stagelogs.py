"""A stage's log, told from the job's own events."""

from collections.abc import AsyncIterator

import structlog

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.work import Work
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.jobs.job import Artifact, Event
from services.orchestrator.jobs.plan import Stage

logger = structlog.get_logger(__name__)

PAGE = 500


async def keep_stage_logs(work: Work) -> None:
    """`logs/prepare.log`, `logs/execute.log`, `logs/publish.log`, as far as they were entered."""
    lines: dict[Stage, list[str]] = {}
    async for event in events_of(work):
        if event.stage is not None:
            time = event.create_time.isoformat(timespec="milliseconds")
            lines.setdefault(event.stage, []).append(f"{time} {event.type} {event.message}\n")
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
