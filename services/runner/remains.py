"""Ends what is left of a run whose keeper was killed."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from services.runner.keeper import census, record
from services.runner.keeper.census import Process
from services.runner.keeper.record import ProcessId, Started
from services.runner.keeper.sweep import send

PAUSE = 0.01


def end_remains(
    directory: Path, started: Started | None = None, *, limit: float = 5.0
) -> list[Process]:
    """Kills the processes that the run's records name, and all that descend from them.

    `started` is what the first record said when it was read before; without it, it is read now.
    Only processes whose start time is the recorded one are touched, and none after a reboot.
    Blocks up to `limit` seconds; returns what is left then. What left the CLI's session in the
    last seconds before the keeper died and lost its parent since is in no record and not found.
    """
    started = started or cast("Started | None", record.read(directory / record.STARTED))
    if started is None or started["boot_id"] != census.boot_id():
        return []
    listed = record.read(directory / record.PROCESSES) or {"processes": []}
    recorded: list[ProcessId] = [started["process"], *listed["processes"]]
    deadline = time.monotonic() + limit
    while left := _living(recorded, started["process"]):
        if time.monotonic() >= deadline:
            return left
        send(signal.SIGSTOP, (process.pid for process in left))
        left = _living(recorded, started["process"])
        # What is found now may have lost its parent, and with it its trace, by the next look.
        recorded += [
            {"pid": process.pid, "start_time": process.start_time, "name": process.name}
            for process in left
        ]
        send(signal.SIGKILL, (process.pid for process in left))
        time.sleep(PAUSE)
    return []


def _living(recorded: Iterable[ProcessId], leader: ProcessId) -> list[Process]:
    names = {(process["pid"], process["start_time"]) for process in recorded}
    roots = {p.pid for p in census.everyone() if (p.pid, p.start_time) in names}
    found = {root: process for root in roots if (process := census.look(root))}
    for root in roots:
        found |= {process.pid: process for process in census.descendants(root)}
    first = census.look(leader["pid"])
    # A session's number is not given to a new process while the session has members.
    if first is None or first.start_time == leader["start_time"]:
        found |= {process.pid: process for process in census.members(leader["pid"])}
    found.pop(os.getpid(), None)
    return [process for process in found.values() if not process.ended]
