"""Prints the link that logs a browser in: ``python -m services.dashboard.login_link``."""

import sys
from urllib.parse import quote

from pawl.wire.settings import load
from services.dashboard.login_token import login_token
from services.dashboard.settings import Settings


def login_link(settings: Settings) -> str:
    """Behind the #, the token reaches no server and no log."""
    return f"{settings.front}/login#{quote(login_token(settings), safe='')}"


if __name__ == "__main__":
    sys.stdout.write(f"{login_link(load(Settings))}\n")
