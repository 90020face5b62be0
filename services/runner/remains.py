"""Ends what is left of a run whose keeper was killed."""

import os
import signal
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from services.runner.keeper import census, marks, prctl, record
from services.runner.keeper.record import ProcessId, Started
from services.runner.keeper.search import Search, Seen, end
from services.runner.values import ProcessSeen, Receipt, SentSignal

PAUSE = 0.01
MOST_NAMED = 200
"""Signals and processes in a receipt, each."""


def adopt_orphans() -> None:
    """Has what a killed keeper leaves fall to this process, and not out of its sight."""
    prctl.set_option(prctl.CHILD_SUBREAPER, 1)


def end_remains(directory: Path, started: Started | None = None, *, limit: float = 5.0) -> Receipt:
    """Kills the processes that the run's records name, that descend from them, or carry its mark.

    `started` is what the first record said when it was read before; without it, it is read now.
    A process is known by its start time as well, and after a reboot none is. Blocks up to
    `limit` seconds; the receipt tells what was found, and what is left then.
    """
    began = time.monotonic()
    started = started or cast("Started | None", record.read(directory / record.STARTED))
    if started is None or started["boot_id"] != census.boot_id():
        return Receipt()
    listed = record.read(directory / record.PROCESSES) or {"processes": []}
    recorded: list[ProcessId] = [started["process"], *listed["processes"]]
    search = Search(started["process"], started.get("mark", 0), spared={os.getpid(), os.getppid()})
    signals: dict[int, SentSignal] = {}
    before: list[Seen] | None = None
    while True:
        left = search.look((), among=_living(recorded) | _orphans())
        before = before or left
        if not left or time.monotonic() - began >= limit:
            return Receipt(
                signals=tuple(signals.values())[:MOST_NAMED],
                signal_count=len(signals),
                before=_seen(before),
                before_count=len(before),
                after=_seen(left),
                after_count=len(left),
                survivors=_seen(left),
                duration=timedelta(seconds=time.monotonic() - began),
            )
        # What is found now may have lost its parent, and with it that trace, by the next look.
        recorded += [
            {"pid": one.process.pid, "start_time": one.process.start_time, "name": ""}
            for one in left
        ]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for one in left:
                pid = one.process.pid
                if end(one.process, number) and number is signal.SIGKILL and pid not in signals:
                    now = datetime.now(UTC)
                    signals[pid] = SentSignal(name="SIGKILL", target="sweep", pid=pid, time=now)
        time.sleep(PAUSE)
        _reap(signals)


def _living(recorded: Iterable[ProcessId]) -> set[int]:
    names = {(process["pid"], process["start_time"]) for process in recorded}
    return {p.pid for p in census.everyone() if (p.pid, p.start_time) in names}


def _orphans() -> set[int]:
    """Children of this process that it has not started itself: those of keepers that are dead.

    They fall to a runner as the next sub-reaper above. All of a run's processes have a limit
    that none of a runner's own children has.
    """
    return {
        pid for pid in census.children(os.getpid()) if marks.limit(pid) not in {None, marks.OWN}
    }


def _reap(pids: Iterable[int]) -> None:
    """Collects what has ended, where it had fallen to this process."""
    for pid in [*pids, *_orphans()]:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue


def _seen(found: Iterable[Seen]) -> tuple[ProcessSeen, ...]:
    return tuple(
        ProcessSeen(
            pid=one.process.pid,
            name=one.process.name,
            start_time=one.process.start_time,
            ways=one.ways,
        )
        for one in list(found)[:MOST_NAMED]
    )
