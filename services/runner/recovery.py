"""Finds what earlier processes have left: runs to go on with, and processes to end."""

import asyncio
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from services.runner import ending
from services.runner.abandon import abandon
from services.runner.equipment import Equipment
from services.runner.journal import Journal
from services.runner.journal_file import NotAJournal
from services.runner.keeper import record
from services.runner.run import JOURNAL
from services.runner.run_record import RunRecord
from services.runner.values import ProcessSeen, Receipt

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A run that an earlier process began."""

    directory: Path
    record: RunRecord
    swept: Receipt | None
    """What was done to end its processes, where its keeper is dead."""


@dataclass(frozen=True, slots=True)
class Left:
    """All that earlier processes have left."""

    runs: list[Found] = field(default_factory=list)
    strays: list[ProcessSeen] = field(default_factory=list)
    """Processes of runs without a readable record that could not be ended."""


async def left_by_others(directory: Path, equipment: Equipment) -> Left:
    """Looks through the folders of runs.

    What dead keepers have left is ended before this returns: whoever is served after it finds no
    agent at work that nobody holds.
    """
    left = Left()
    async with asyncio.TaskGroup() as tasks:
        for one in sorted(directory.iterdir()):
            tasks.create_task(_look(one, equipment, left), name=one.name)
    return left


async def _look(directory: Path, equipment: Equipment, left: Left) -> None:
    known = RunRecord.read(directory)
    if known is None or known.runtime not in equipment.runtimes:
        logger.warning("run_without_record", directory=directory.name)
        keeper = equipment.keepers.find(directory)
        left.strays.extend(
            await abandon(equipment.keepers, keeper, directory, equipment.patience, ending.BROKEN)
        )
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
    elif await _never_started(directory, equipment):
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
    else:
        logger.info("run_found", run_id=known.name.run_id)
        swept: Receipt | None = None
        if equipment.keepers.find(directory) is None:
            swept = await equipment.keepers.end_remains(directory, None)
        left.runs.append(Found(directory, known, swept))


async def _never_started(directory: Path, equipment: Equipment) -> bool:
    """Tells whether a process died between a run's record and its keeper."""
    if (directory / record.STARTED).exists() or equipment.keepers.find(directory):
        return False
    try:
        return not (await Journal.open(directory / JOURNAL)).closed
    except NotAJournal:
        return True
