"""Starts the dashboard: ``python -m services.dashboard``."""

import asyncio
import sys

from pawl.wire import logs
from pawl.wire.server import CannotListen
from pawl.wire.settings import load
from services.dashboard.app import main
from services.dashboard.settings import Settings


def run() -> None:
    """Ends with 78 for settings that are wrong, 1 for an address that is taken."""
    settings = load(Settings)
    logs.configure("dashboard", settings.log_level)
    try:
        asyncio.run(main(settings))
    except CannotListen as problem:
        sys.exit(f"pawl: {problem}")


if __name__ == "__main__":
    run()
