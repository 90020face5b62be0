"""Starts the runner: ``python -m services.runner``."""

import asyncio
import sys

from pawl.wire import logs
from pawl.wire.server import CannotListen
from pawl.wire.settings import load
from services.runner.app import main
from services.runner.data_dir import DataDirTaken
from services.runner.settings import Settings


def run() -> None:
    """Ends with 78 for settings that are wrong, 1 for an address or directory that is taken."""
    settings = load(Settings)
    logs.configure("runner", settings.log_level)
    problem: BaseException | None = None
    try:
        asyncio.run(main(settings))
    except* (CannotListen, DataDirTaken) as problems:
        problem = problems.exceptions[0]
    if problem is not None:
        sys.exit(f"pawl: {problem}")


if __name__ == "__main__":
    run()
