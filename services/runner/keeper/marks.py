"""The number that a run's processes carry wherever they go."""

import os
import resource
import secrets
from pathlib import Path

VARIABLE = "PAWL_RUN_MARK"

FIRST = 1 << 60
"""Marks are from here to twice as much: microseconds, and so some 36,000 years at least."""

_LINE = b"Max realtime timeout"


def new() -> int:
    """Returns a number that no other run has."""
    return FIRST + secrets.randbelow(FIRST)


def put(mark: int) -> None:
    """Marks this process and all that will descend from it.

    The limit is one that nobody can reach, nobody asks for, and no process but root's can raise
    again: it stays when an environment is scrubbed, a session left, and a parent lost.
    """
    try:
        resource.setrlimit(resource.RLIMIT_RTTIME, (mark, mark))
    except (ValueError, OSError):
        return  # already limited from outside; the variable is left


def carries(pid: int, mark: int) -> bool:
    """Tells whether a process has the mark, as a limit or in its environment."""
    if limit(pid) == mark:
        return True
    wanted = f"{VARIABLE}={mark}".encode()
    return wanted in _read(pid, "environ").split(b"\0")


def limit(pid: int) -> int | None:
    """Returns the mark that is a process's limit; None where it has no such limit."""
    for line in _read(pid, "limits").splitlines():
        if line.startswith(_LINE):
            hard = line.split()[4]
            return int(hard) if hard.isdigit() and int(hard) >= FIRST else None
    return None


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


OWN = limit(os.getpid())
"""What this process carries itself, where it runs within a run."""
