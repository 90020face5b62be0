"""What judges the dashboard's pages."""

from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parent / "node_modules" / "axe-core" / "axe.min.js"


class NotInstalled(Exception):
    """It is not there; the message names the command that installs it."""


@cache
def axe() -> str:
    """axe-core, as a script. Raises NotInstalled."""
    if not FILE.exists():
        raise NotInstalled("axe-core is missing: run tests/support/pages/install.sh")
    return FILE.read_text(encoding="utf-8")
