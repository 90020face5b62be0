"""Ends every process that descends from one, however quickly they fork."""

import os
import signal
import time
from collections.abc import Callable, Iterable

from services.runner.keeper.census import children
from services.runner.keeper.search import Seen, end

PAUSE = 0.005
QUIET = 0.002
"""Seconds without a newcomer after which a look at all of /proc is worth its time."""


def sweep(
    root: int,
    *,
    reap: Callable[[], None],
    limit: float,
    look: Callable[[], list[Seen]],
    note: Callable[[int], None] = lambda pid: None,
) -> list[Seen]:
    """Kills what `look` finds until nothing is left; returns what outlived `limit` s.

    `root` must be the sub-reaper they fall to, and `reap` must collect what has ended; `note` is
    told each pid once, when it is first sent the kill.
    """
    deadline = time.monotonic() + limit
    killed: set[int] = set()

    def told(pid: int) -> None:
        if pid not in killed:
            killed.add(pid)
            note(pid)

    def kill(pids: Iterable[int]) -> None:
        for pid in pids:
            if _sent(signal.SIGKILL, pid):
                told(pid)

    while True:
        reap()
        left = look()
        # A look takes time, in which a process may be born behind it; but whatever lives below
        # `root` lives below a child of its.
        if (not left and not children(root)) or time.monotonic() >= deadline:
            return left
        _kill_children(root, reap, kill, deadline)
        # What hides behind a parent that cannot die yet, or is not below `root`.
        for seen in look():
            if end(seen.process):
                told(seen.process.pid)
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


def _sent(number: signal.Signals, pid: int) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
