"""Ends every process that descends from one, however quickly they fork."""

import os
import signal
import time
from collections.abc import Callable, Iterable

from services.runner.keeper.census import Process, children, descendants

PAUSE = 0.005
QUIET = 0.002
"""Seconds without a newcomer after which a look at all of /proc is worth its time."""


def sweep(
    root: int,
    *,
    reap: Callable[[], None],
    limit: float,
    note: Callable[[int], None] = lambda pid: None,
) -> list[Process]:
    """Kills the descendants of `root` until none is left; returns those that outlived `limit` s.

    `root` must be the sub-reaper they fall to, and `reap` must collect what has ended; `note` is
    told each pid once, when it is first sent the kill.
    """
    deadline = time.monotonic() + limit
    killed: set[int] = set()

    def kill(pids: Iterable[int]) -> None:
        for pid in pids:
            if _sent(signal.SIGKILL, pid) and pid not in killed:
                killed.add(pid)
                note(pid)

    while True:
        reap()
        left = descendants(root)
        if not left or time.monotonic() >= deadline:
            return [process for process in left if not process.ended]
        _kill_children(root, reap, kill, deadline)
        # What hides behind a parent that cannot die yet.
        kill(process.pid for process in descendants(root) if not process.ended)
        time.sleep(PAUSE)


def _kill_children(
    root: int, reap: Callable[[], None], kill: Callable[[Iterable[int]], None], deadline: float
) -> None:
    """Kills whoever is a child of `root` until nobody new becomes one.

    The dead leave their own children to `root`, so that a tree dissolves from its top. A chain in
    which every process forks and ends at once outruns any look at its members that does more
    than this: to read one file, and to kill.
    """
    seen: set[int] = set()
    quiet_since = time.monotonic()
    while (now := time.monotonic()) < deadline and now - quiet_since < QUIET:
        reap()
        young = set(children(root))
        kill(young)
        if not young:
            return
        if young - seen:
            seen |= young
            quiet_since = now


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    """Sends one signal to each; what has gone or is another user's stays as it is."""
    for pid in pids:
        _sent(number, pid)


def _sent(number: signal.Signals, pid: int) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
