"""Finds the processes of one run in each of the ways there are."""

import os
import signal
from collections.abc import Collection, Iterable
from typing import NamedTuple

from services.runner.keeper import census, marks
from services.runner.keeper.census import Process
from services.runner.keeper.record import ProcessId

SESSION = "session"
PARENTAGE = "parentage"
MARK = "mark"


class Seen(NamedTuple):
    """A process that runs, and by what it was found."""

    process: Process
    ways: tuple[str, ...]


class Search:
    """Looks for one run. Isolation by a user or a sandbox of its own would be one more way."""

    def __init__(self, leader: ProcessId, mark: int, *, spared: Collection[int]) -> None:
        self._leader = leader
        self._mark = mark
        self._spared = frozenset(spared)
        """Never found, whatever they carry: who looks, and whom it works for."""
        self._unmarked: set[tuple[int, int]] = set()
        """Strangers: a mark comes by birth, and to look for it costs two files."""

    def look(self, roots: Iterable[int], *, among: Iterable[int] = ()) -> list[Seen]:
        """Returns what descends from `roots`, is of the CLI's session, or carries the mark.

        `among` are pids of the run itself, and found with what descends from them. A process
        that is older than the CLI is not its run's, whatever it carries.
        """
        here = {process.pid: process for process in census.everyone()}
        named = set(among)
        below = named | census.below({*roots, *named}, here.values())
        first = here.get(self._leader["pid"])
        # A session's number is not given to a new process while the session has members.
        session = first is None or first.start_time == self._leader["start_time"]
        found = []
        for process in here.values():
            if process.ended or process.pid in self._spared:
                continue
            ways = []
            if session and process.session == self._leader["pid"]:
                ways.append(SESSION)
            if process.pid in below:
                ways.append(PARENTAGE)
            if self._marked(process):
                ways.append(MARK)
            if ways:
                found.append(Seen(process, tuple(ways)))
            else:
                self._unmarked.add((process.pid, process.start_time))
        self._unmarked &= {(process.pid, process.start_time) for process in here.values()}
        return found

    def _marked(self, process: Process) -> bool:
        key = (process.pid, process.start_time)
        if process.start_time < self._leader["start_time"] or key in self._unmarked:
            return False
        return self._mark > 0 and marks.carries(process.pid, self._mark)


def end(process: Process, number: signal.Signals = signal.SIGKILL) -> bool:
    """Sends a signal to exactly this process, and to none that has its number by now."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        now = census.look(process.pid)
        if now is None or now.start_time != process.start_time:
            return False
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(handle)
    return True
