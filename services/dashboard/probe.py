"""Asks the dashboard whether it serves: ``python -m services.dashboard.probe``."""

import asyncio
import sys
from urllib.parse import urlsplit

from pawl.cli.up.probing import serves_pages
from pawl.wire.settings import load
from services.dashboard.origins import as_told
from services.dashboard.settings import Settings


def main() -> int:
    """Exit code 0 when it does, 1 when it does not; 78 for settings that are wrong."""
    settings = load(Settings)
    # It answers for the names that browsers find it by, and no other.
    name = urlsplit(as_told(settings.front)).netloc
    return 0 if asyncio.run(serves_pages(settings.listen, name=name)) else 1


if __name__ == "__main__":
    sys.exit(main())
