"""Ends every process that descends from one, however quickly they fork."""

import os
import signal
import time
from collections.abc import Callable, Iterable

from services.runner.keeper.census import Process, descendants

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
        stopped: set[int] = set()
        while fresh := [p for p in left if p.pid not in stopped]:
            send(signal.SIGSTOP, fresh)
            stopped.update(p.pid for p in fresh)
            if time.monotonic() >= deadline:
                break
            left = descendants(root)
        send(signal.SIGKILL, left)
        for process in left:
            if process.pid not in killed and not process.ended:
                killed.add(process.pid)
                note(process)
        time.sleep(PAUSE)


def send(number: signal.Signals, processes: Iterable[Process]) -> None:
    """Sends one signal to each; what has gone or is another user's stays as it is."""
    for process in processes:
        try:
            os.kill(process.pid, number)
        except (ProcessLookupError, PermissionError):
            continue
