"""Starts the contract: ``python -m services.contract``."""

import asyncio
import sys

from pawl.wire import logs
from pawl.wire.server import CannotListen
from pawl.wire.settings import load
from services.contract.app import main
from services.contract.settings import Settings


def run() -> None:
    """Ends with 78 for settings that are wrong, 1 for an address that is taken."""
    settings = load(Settings)
    logs.configure("contract", settings.log_level)
    try:
        asyncio.run(main(settings))
    except CannotListen as problem:
        sys.exit(f"pawl: {problem}")


if __name__ == "__main__":
    run()
