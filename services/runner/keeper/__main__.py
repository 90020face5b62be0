"""Holds one run from its start to the moment when no process of it is left."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from services.runner.keeper import census, prctl, record, search
from services.runner.keeper.child import CannotStart, start
from services.runner.keeper.memory import oom_kills
from services.runner.keeper.record import (
    Ended,
    Order,
    ProcessId,
    ProcessSeen,
    Receipt,
    Started,
)
from services.runner.keeper.search import Search, Seen
from services.runner.keeper.sweep import sweep
from services.runner.keeper.waiting import Waiting

CENSUS_PERIOD = 2.0
CENSUS_SHARE = 50
"""A census that took t seconds is not repeated before 50 t: at most 2 % of a core."""
MOST_NAMED = 200
"""Signals and processes in a receipt, each; the sweep of a fork bomb meets many more."""


def main() -> None:
    """Reads the order from stdin and holds the run whose directory is the one argument."""
    directory = Path(sys.argv[1])
    order: Order = json.load(sys.stdin.buffer)
    if (lock := order.get("lock")) is not None:
        os.set_inheritable(lock, False)
    _prepare_process()
    keeper = Keeper(order, directory)
    try:
        ended = keeper.hold()
    finally:
        keeper.sweep()  # whatever went wrong here, the run is not left to itself
    record.write(directory / record.ENDED, ended)


class Keeper:
    """One run. Times are of the monotonic clock, so that a stepped wall clock ends nothing."""

    def __init__(self, order: Order, directory: Path) -> None:
        self._order = order
        self._directory = directory
        self._waiting = Waiting(directory / record.CONTROL)
        # Held open: their names may not outlive the agent, which can remove what it likes.
        self._captures = (_capture(order["stdout"]), _capture(order["stderr"]))
        self._pid = 0
        self._status: int | None = None
        self._receipt = Receipt(
            signals=[],
            before=[],
            survivors=[],
            duration=0.0,
        )
        self._sent = 0
        """Signals, those that the receipt does not name included."""
        self._search: Search | None = None
        self._recorded: list[ProcessId] = []
        self._next_census = 0.0

    def hold(self) -> Ended:
        """Returns how the run ended, once nothing of it is left or the sweep has given up."""
        began, started, kills = time.monotonic(), record.now(), oom_kills()
        error, stop = "", None
        try:
            self._pid = start(
                self._order, self._captures, record=self._write_started, settle=_open_process
            )
        except CannotStart as problem:
            error = str(problem)
        else:
            stop = self._attend()
            since = time.monotonic()
            before = self._look()
            if self._status is None:
                self._climb()
            after = self.sweep()
            self._receipt["before"], self._receipt["before_count"] = _listed(before)
            self._receipt["survivors"], self._receipt["survivor_count"] = _listed(after)
            self._receipt["signal_count"] = self._sent
            self._receipt["duration"] = time.monotonic() - since
        code = os.waitstatus_to_exitcode(self._status) if self._status is not None else None
        killed = stop is None and code == -signal.SIGKILL
        return Ended(
            exit_code=code if code is not None and code >= 0 else None,
            exit_signal=-code if code is not None and code < 0 else None,
            error=error,
            stop=stop,
            out_of_memory=killed and kills is not None and (oom_kills() or 0) > kills,
            started=started,
            ended=record.now(),
            duration=time.monotonic() - began,
            receipt=self._receipt,
        )

    def sweep(self) -> list[Seen]:
        """Leaves no process of the run; returns those that would not go."""
        return sweep(
            os.getpid(),
            reap=self._reap,
            limit=self._order["sweep_limit"],
            look=self._look,
            note=lambda pid: self._note(signal.SIGKILL, "sweep", pid),
        )

    def _attend(self) -> str | None:
        """Waits for the CLI's end; returns None then, or the reason that came first to stop it."""
        order, now = self._order, time.monotonic()
        due = {
            "timeout": now + order["step_timeout"],
            "orphaned": order["kept"] + order["orphan_limit"],
        }
        while True:
            self._reap()
            if self._status is not None:
                return None
            now = time.monotonic()
            for reason, moment in due.items():
                if now >= moment:
                    return reason
            if self._captured() > order["max_capture_bytes"]:
                return "output"
            self._write_processes(now)
            for words in self._waiting.wait(min(due.values())):
                match words:
                    case ["stop", reason]:
                        return reason
                    case ["kept", told] if told.replace(".", "", 1).isdecimal():
                        # What was held up on its way must not make the lease shorter.
                        kept = min(float(told), time.monotonic())
                        due["orphaned"] = max(due["orphaned"], kept + order["orphan_limit"])
                    case ["finish"]:
                        due.setdefault("lingered", time.monotonic() + order["linger_grace"])
                    case _:
                        print("unknown command:", words, file=sys.stderr, flush=True)

    def _climb(self) -> None:
        """Asks the CLI's group to end, ever more firmly, until the CLI has ended."""
        order = self._order
        for number, grace in (
            (signal.SIGINT, order["interrupt_grace"]),
            (signal.SIGTERM, order["terminate_grace"]),
            (signal.SIGKILL, order["sweep_limit"]),
        ):
            # Not reaped yet, so the group cannot be a stranger's.
            os.killpg(self._pid, number)
            self._note(number, "group", self._pid)
            deadline = time.monotonic() + grace
            while time.monotonic() < deadline:
                self._waiting.wait(deadline)  # a second request to stop changes nothing
                self._reap()
                if self._status is not None:
                    return

    def _reap(self) -> None:
        """Collects every child that has ended: the CLI, and all that fell to the sub-reaper."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._status = status

    def _captured(self) -> int:
        return sum(os.fstat(capture).st_size for capture in self._captures)

    def _look(self) -> list[Seen]:
        self._reap()
        if self._search is not None:
            return self._search.look([os.getpid()])
        below = census.descendants(os.getpid())
        return [Seen(process, (search.PARENTAGE,)) for process in below if not process.ended]

    def _note(self, number: signal.Signals, target: str, pid: int) -> None:
        self._sent += 1
        if len(self._receipt["signals"]) < MOST_NAMED:
            self._receipt["signals"].append(
                {"signal": number.name, "time": record.now(), "target": target, "pid": pid}
            )

    def _write_started(self, pid: int) -> None:
        keeper, process = census.look(os.getpid()), census.look(pid)
        if keeper is None or process is None:
            raise RuntimeError("a process that lives is not in /proc: is it mounted?")
        mark = self._order.get("mark", 0)
        self._search = Search(_identity(process), mark, spared={os.getpid(), os.getppid()})
        started = Started(
            mark=mark,
            keeper=_identity(keeper),
            process=_identity(process),
            boot_id=census.boot_id(),
            time=record.now(),
        )
        record.write(self._directory / record.STARTED, started)

    def _write_processes(self, now: float) -> None:
        """Keeps a list for whoever has to clean up if this keeper is itself killed."""
        if now < self._next_census:
            return
        processes = [_identity(seen.process) for seen in self._look()]
        took = time.monotonic() - now
        self._next_census = now + max(CENSUS_PERIOD, CENSUS_SHARE * took)
        if processes == self._recorded:
            return
        try:
            record.place(self._directory / record.PROCESSES, {"processes": processes})
        except OSError as problem:
            print("cannot list the processes:", problem, file=sys.stderr, flush=True)
        self._recorded = processes


def _capture(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _identity(process: census.Process) -> ProcessId:
    return ProcessId(pid=process.pid, start_time=process.start_time, name=process.name)


def _listed(found: list[Seen]) -> tuple[list[ProcessSeen], int]:
    some = found[:MOST_NAMED]
    return [ProcessSeen(**_identity(seen.process), ways=seen.ways) for seen in some], len(found)


def _prepare_process() -> None:
    """Has orphans of the run fall to this process, and closes its memory to other processes.

    The memory holds the order's secrets; a process that cannot be dumped cannot be traced either.
    """
    prctl.set_option(prctl.CHILD_SUBREAPER, 1)
    prctl.set_option(prctl.DUMPABLE, 0)


def _open_process() -> None:
    """Gives a forked child its own files below /proc/self back, which a closed one cannot write."""
    prctl.set_option(prctl.DUMPABLE, 1)


if __name__ == "__main__":
    main()
