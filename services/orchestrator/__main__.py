"""Starts the orchestrator: ``python -m services.orchestrator``."""

import asyncio
import sys
from typing import NoReturn

from pawl.wire import logs
from pawl.wire.server import CannotListen
from pawl.wire.settings import load
from services.orchestrator.app import main
from services.orchestrator.settings import Settings
from services.orchestrator.store.place import StoreUnusable


def run() -> None:
    """Ends with 78 for settings or a store that are wrong, 1 for an address that is taken."""
    settings = load(Settings)
    logs.configure("orchestrator", settings.log_level)
    try:
        asyncio.run(main(settings))
    except* StoreUnusable as problems:
        _complain(problems, code=78)
    except* CannotListen as problems:
        _complain(problems, code=1)


def _complain(problems: BaseExceptionGroup[Exception], *, code: int) -> NoReturn:
    for problem in problems.exceptions:
        sys.stderr.write(f"pawl: {problem}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    run()
