"""Starts keepers, and finds those that live on."""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from services.runner.holding import KeeperFailed
from services.runner.keeper import record
from services.runner.keeper.census import look
from services.runner.keeper.record import Order, Started
from services.runner.remains import end_remains
from services.runner.values import ProcessSeen, Receipt
from services.runner.vitals import Vitals, vitals

ROOT = Path(__file__).resolve().parents[2]
LOCK = "lock"
LOG = "keeper.log"

START_LIMIT = 15.0
"""Seconds a keeper may take to write down what it started."""
PAUSE = 0.005


class Keeper:
    """A keeper that lives, or lived when it was found."""

    def __init__(self, directory: Path, process: "subprocess.Popen[bytes] | None") -> None:
        self._directory = directory
        self._process = process
        self.pid = 0
        """Known once `started` has returned."""
        self.gone = asyncio.Event()
        """Set once it has ended; inside of `watching` only."""

    def tell(self, *words: str) -> bool:
        """Gives a command; returns False where nobody listens any more."""
        try:
            control = os.open(self._directory / record.CONTROL, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            os.write(control, " ".join(words).encode() + b"\n")
        except BlockingIOError:
            return True  # thousands of commands wait already: it will hear one of them
        except BrokenPipeError:
            return False
        finally:
            os.close(control)
        return True

    def wake(self) -> None:
        """Continues it where an agent has stopped it: they have one user between them."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it where it does not do as it is told. What it held is then swept by records."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # While the lock is held the number is that of the keeper, and of no process after it.
        if self.pid and is_held(self._directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def started(self) -> Started:
        """Waits for the record of what it started. Raises KeeperFailed."""
        try:
            async with asyncio.timeout(START_LIMIT):
                while True:
                    held = is_held(self._directory)
                    if found := record.read(self._directory / record.STARTED):
                        started = cast("Started", found)
                        self.pid = started["keeper"]["pid"]
                        return started
                    if not held:
                        break
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            raise KeeperFailed(f"the keeper has not started anything; see {LOG}") from None
        await self._reap()
        raise KeeperFailed(f"the keeper ended before it started anything; see {LOG}")

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Has `gone` set when the keeper ends, for the length of the block; after `started`."""
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self.gone.set()
            yield
            return
        try:
            loop.add_reader(descriptor, self.gone.set)
            if not is_held(self._directory):
                self.gone.set()  # the number may belong to another process by now
            yield
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            if self.gone.is_set():
                await self._reap()
            elif self._process is not None:
                self._process.returncode = 0  # it lives on without us, as it should

    async def _reap(self) -> None:
        """Collects the process where it is a child of this one."""
        if self._process is not None:
            await asyncio.to_thread(self._process.wait, START_LIMIT)


def _launch(directory: Path, order: Order) -> Keeper:
    """Starts a keeper for the run in `directory`. Raises OSError.

    The order travels in memory. The lock file says that the keeper lives: its descriptor is the
    only one left on that open file, so the lock falls when the keeper ends, however it ends.
    """
    lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    memory = os.memfd_create("order")
    log = os.open(directory / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        rest = memoryview(json.dumps({**order, "lock": lock}).encode())
        while rest:
            rest = rest[os.write(memory, rest) :]
        os.lseek(memory, 0, os.SEEK_SET)
        process = subprocess.Popen(
            [sys.executable, "-S", "-P", "-m", "services.runner.keeper", str(directory)],
            stdin=memory,
            stdout=log,
            stderr=log,
            env={"PYTHONPATH": str(ROOT)},
            cwd="/",
            pass_fds=(lock,),
            start_new_session=True,
        )
        return Keeper(directory, process)
    finally:
        for descriptor in (lock, memory, log):
            os.close(descriptor)


def is_held(directory: Path) -> bool:
    """Tells whether a keeper lives that was launched for `directory`."""
    try:
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


class Processes:
    """Keepers as processes of this machine."""

    def launch(self, directory: Path, order: Order) -> Keeper:
        """Starts a keeper for the run in `directory`. Raises OSError."""
        return _launch(directory, order)

    def find(self, directory: Path) -> Keeper | None:
        """Returns the keeper that holds the run in `directory`, or None where none lives."""
        return Keeper(directory, None) if is_held(directory) else None

    async def end_remains(self, directory: Path, started: Started | None) -> Receipt:
        """Kills what a dead keeper left behind; tells what it found and what would not go."""
        return await asyncio.to_thread(end_remains, directory, started)

    def lives(self, process: ProcessSeen) -> bool:
        """Tells whether that very process is there; a process can change its name."""
        found = look(process.pid)
        if found is None or found.ended:
            return False
        if process.start_time:
            return found.start_time == process.start_time
        return found.name == process.name  # written down by an earlier version

    def vitals(self, keeper_pid: int) -> Vitals:
        """Returns what the processes of this keeper's run have used, and what they are at."""
        return vitals(keeper_pid)
