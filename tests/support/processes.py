"""Tells which processes are alive, so that a test can say that none is left."""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be collected does not."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def naming(text: str) -> dict[int, str]:
    """Command lines of the processes that have something to do with `text`, by pid.

    It is looked for in command line, environment, working directory and open files.
    """
    found: dict[int, str] = {}
    for pid in [int(folder.name) for folder in PROC.iterdir() if folder.name.isdigit()]:
        if pid == os.getpid() or not alive(pid):
            continue
        said = list(_says(pid))
        if any(text in one for one in said):
            found[pid] = said[0].replace("\0", " ")
    return found


def _says(pid: int) -> Iterator[str]:
    folder = PROC / str(pid)
    try:
        yield (folder / "cmdline").read_text(errors="replace")
        yield (folder / "environ").read_text(errors="replace")
        yield str((folder / "cwd").readlink())
        for descriptor in (folder / "fd").iterdir():
            yield _target(descriptor)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # It has ended meanwhile, or it is not ours.
        return


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""
