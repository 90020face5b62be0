"""Finds the processes that descend from one process, by what /proc says."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """One line of /proc/PID/stat, the fields a keeper asks about."""

    pid: int
    parent: int
    session: int
    state: str
    """One letter; Z is a process that ended and was not yet reaped."""
    start_time: int
    """Clock ticks since boot; with the pid it names a process for good."""
    cpu_ticks: int
    """User and system time used so far, by it and by its children that ended."""
    name: str
    """The command's name, at most 15 bytes, controls made visible."""

    @property
    def ended(self) -> bool:
        """It runs no more and only waits to be reaped."""
        return self.state in "ZX"


def look(pid: int) -> Process | None:
    """Returns what is known of `pid`, or None if there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may hold spaces and parentheses itself.
    opening, closing = text.index(b"("), text.rindex(b")")
    fields = text[closing + 2 :].split()
    name = text[opening + 1 : closing].decode("utf-8", "replace")
    return Process(
        pid=pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        session=int(fields[3]),
        cpu_ticks=sum(map(int, fields[11:15])),
        start_time=int(fields[19]),
        name="".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name),
    )


def everyone() -> Iterator[Process]:
    """Looks at each process there is, in no particular order."""
    for entry in os.scandir(PROC):
        if entry.name.isdigit() and (process := look(int(entry.name))):
            yield process


def descendants(root: int) -> list[Process]:
    """Returns children of `root`, their children and so on; `root` itself is not among them.

    A process whose parent ended between two looks has been given to a sub-reaper above it, so a
    single call may miss it: whoever needs to be sure asks again until nothing changes.
    """
    here = {process.pid: process for process in everyone()}
    return [here[pid] for pid in below({root}, here.values())]


def below(roots: set[int], processes: Iterable[Process]) -> set[int]:
    """Returns which of `processes` descend from `roots`, which are not among them."""
    born: dict[int, list[int]] = {}
    for process in processes:
        born.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        fresh = [pid for pid in born.get(waiting.pop(), ()) if pid not in found | roots]
        found.update(fresh)
        waiting += fresh
    return found


def children(pid: int) -> list[int]:
    """Returns the children of `pid` as quickly as the kernel can tell, zombies included.

    It reads what each thread names, which takes microseconds where a look at all of /proc takes
    milliseconds. Empty where the kernel keeps no such files; whoever needs to be sure asks
    `descendants`.
    """
    found: list[int] = []
    try:
        threads = os.listdir(f"{PROC}/{pid}/task")  # noqa: PTH208 - a Path a thread costs too much
        for thread in threads:
            # Neither does a Path here, or a file object.
            file = os.open(f"{PROC}/{pid}/task/{thread}/children", os.O_RDONLY | os.O_CLOEXEC)
            try:
                text = b""
                while piece := os.read(file, 65536):
                    text += piece
            finally:
                os.close(file)
            found += map(int, text.split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def members(session: int) -> list[Process]:
    """Returns the processes of one session, its leader included."""
    return [process for process in everyone() if process.session == session]


def is_running(pid: int, start_time: int) -> bool:
    """Tells whether exactly this process still runs; a zombie does not."""
    process = look(pid)
    return process is not None and process.start_time == start_time and not process.ended


def boot_id() -> str:
    """Returns what changes with every boot, after which no pid means anything."""
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
