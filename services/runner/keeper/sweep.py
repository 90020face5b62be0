"""Ends every process that descends from one, however quickly they fork."""

import os
import signal
import time
from collections.abc import Callable, Iterable

from services.runner.keeper.census import Process, descendants, offspring

PAUSE = 0.005


def sweep(
    root: int,
    *,
    reap: Callable[[], None],
    limit: float,
    note: Callable[[Process], None] = lambda process: None,
) -> list[Process]:
    """Kills the descendants of `root` until none is left; returns those that outlived `limit` s.

    `root` must be the sub-reaper they fall to, and `reap` must collect what has ended; `note` is
    told each process once, when it is first sent the kill. Each round first stops everything it
    sees: a stopped process forks no more, so that the next look finds all there is, and only then
    kills.
    """
    deadline = time.monotonic() + limit
    killed: set[int] = set()
    while True:
        reap()
        left = descendants(root)
        if not left or time.monotonic() >= deadline:
            return left
        _hold_still(root, deadline)
        left = descendants(root)
        send(signal.SIGKILL, (process.pid for process in left))
        for process in left:
            if process.pid not in killed and not process.ended:
                killed.add(process.pid)
                note(process)
        _kill_newborn(root, reap, deadline)
        time.sleep(PAUSE)


def _hold_still(root: int, deadline: float) -> None:
    """Stops all there is, again and again, until a look finds nobody new."""
    stopped: set[int] = set()
    while fresh := set(offspring(root)) - stopped:
        send(signal.SIGSTOP, fresh)
        stopped |= fresh
        if time.monotonic() >= deadline:
            return


def _kill_newborn(root: int, reap: Callable[[], None], deadline: float) -> None:
    """Stops and kills whoever was born since the last look, faster than they are born.

    A chain in which every process forks and ends at once outruns a look at all of /proc; it
    does not outrun this.
    """
    while time.monotonic() < deadline:
        reap()
        if not (left := offspring(root)):
            return
        _hold_still(root, deadline)
        send(signal.SIGKILL, {*left, *offspring(root)})


def send(number: signal.Signals, pids: Iterable[int]) -> None:
    """Sends one signal to each; what has gone or is another user's stays as it is."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
