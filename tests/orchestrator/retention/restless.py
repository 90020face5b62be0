"""Collects without a pause until it is killed: ``python -m tests.orchestrator.retention.restless``.

Its argument is the folder of a test; it writes a line once it has begun.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.orchestrator.artifacts import Artifacts
from services.orchestrator.jobs.retention import Policy
from services.orchestrator.retention.collector import Collector
from services.orchestrator.store.store import SqlStore, opened
from tests.orchestrator.source.repositories import mirrors

TINY = timedelta(microseconds=1)


def collector_at(folder: Path, store: SqlStore) -> Collector:
    """One that takes everything for old that may ever be."""
    return Collector(
        store=store,
        artifacts=Artifacts.at((folder / "artifacts").as_uri()),
        mirrors=mirrors(folder / "mirrors"),
        policy=Policy(checkpoints=TINY, artifacts=TINY, mirrors=None),
        folders={"database": folder},
        now=lambda: datetime.now(UTC) + timedelta(days=1),
    )


async def main(folder: Path) -> None:
    """Goes on for ever."""
    async with opened(f"sqlite:///{folder / 'jobs.db'}") as store:
        collector = collector_at(folder, store)
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        while True:
            await collector.round()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
