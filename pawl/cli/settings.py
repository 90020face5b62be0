"""What the command line reads from its environment and the user's home."""

import os
from pathlib import Path


def environment() -> dict[str, str]:
    """The environment `pawl` was started with."""
    return dict(os.environ)


def data_home() -> Path:
    """Where `pawl up` keeps its data unless told otherwise."""
    chosen = os.environ.get("XDG_DATA_HOME", "")
    # The XDG rules say that a relative path there is to be ignored.
    base = Path(chosen) if chosen.startswith("/") else Path.home() / ".local" / "share"
    return base / "pawl"
