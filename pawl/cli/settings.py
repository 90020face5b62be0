"""What the command line reads from its environment and the user's home."""

import os
from pathlib import Path


def environment() -> dict[str, str]:
    """The environment `pawl` was started with."""
    return dict(os.environ)


def quieten_grpc() -> None:
    """Keeps gRPC's own log lines off the user's terminal, unless GRPC_VERBOSITY asks for them.

    What they tell reaches the user as a refusal, in a sentence.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def data_home() -> Path:
    """Where `pawl up` keeps its data unless told otherwise."""
    chosen = os.environ.get("XDG_DATA_HOME", "")
    # The XDG rules say that a relative path there is to be ignored.
    base = Path(chosen) if chosen.startswith("/") else Path.home() / ".local" / "share"
    return base / "pawl"
