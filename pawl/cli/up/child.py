"""One service as a child process, started again whenever it dies."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

from pawl.cli.up.log import Log

FIRST_DELAY = timedelta(seconds=0.2)
LONGEST_DELAY = timedelta(seconds=5)
STEADY = timedelta(seconds=10)
"""A child that lived this long starts again after the first delay, not a longer one."""


class FailedToStart(Exception):
    """A service died, or said nothing, before it served for the first time."""


class Child:
    """Keeps one service running on one port until it is told to stop.

    `folder` gets two files: ``NAME.address`` and ``NAME.pid``.
    """

    def __init__(
        self,
        name: str,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        *,
        port: int,
        folder: Path,
        log: Log,
        lock: int,
        say: Callable[[str], None],
        answers: Callable[[str], Awaitable[bool]],
    ) -> None:
        self.name = name
        self.log = log
        self._argv = argv
        self._environment = environment
        self._port = port
        self._address_file = folder / f"{name}.address"
        self._pid_file = folder / f"{name}.pid"
        self._lock = lock
        self._say = say
        self._answers = answers
        self._process: asyncio.subprocess.Process | None = None
        self._leaving = asyncio.Event()
        self._ended = asyncio.Event()
        self._died_early = ""
        self._served = False

    async def keep(self) -> None:
        """Runs the service until `stop`; returns once it is gone."""
        try:
            delay = FIRST_DELAY
            while not self._leaving.is_set():
                began = time.monotonic()
                how = await self._live()
                if self._leaving.is_set():
                    return
                if not self._served:
                    self._died_early = how
                    return
                if time.monotonic() - began > STEADY.total_seconds():
                    delay = FIRST_DELAY
                self._say(f"{self.name} {how}; starting it again in {delay.total_seconds():g} s")
                await self._pause(delay)
                delay = min(delay * 2, LONGEST_DELAY)
        finally:
            self.kill()
            self._ended.set()

    async def address(self) -> str | None:
        """The ``host:port`` it serves at; None before it does for the first time.

        Raises FailedToStart when it died instead.
        """
        if self._died_early:
            raise FailedToStart(
                f"{self.name} {self._died_early} before it served{self._last_words()}"
            )
        if not self._address_file.exists():
            return None
        address = self._address_file.read_text().strip()
        if not await self._answers(address):
            return None
        self._served = True
        self._port = int(address.rpartition(":")[2])
        return address

    def late(self, patience: timedelta) -> FailedToStart:
        """What to tell when it has not served in time."""
        waited = f"{patience.total_seconds():g} s"
        return FailedToStart(f"{self.name} did not serve within {waited}{self._last_words()}")

    async def stop(self, grace: timedelta) -> None:
        """Asks the service to leave, waits for at most `grace`, then kills it."""
        self._leaving.set()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace.total_seconds()):
                await self._ended.wait()
        except TimeoutError:
            self._say(f"{self.name} did not leave within {grace.total_seconds():g} s; killing it")
            self.kill()
            await self._ended.wait()

    def kill(self) -> None:
        """Ends the service at once, if it runs."""
        self._signal(signal.SIGKILL)

    async def _live(self) -> str:
        """One life of the service; how it ended, as the end of a sentence."""
        self._address_file.unlink(missing_ok=True)
        # The service leaves when this pipe closes, which a kill -9 of ours does as well.
        theirs, ours = os.pipe()
        try:
            with self.log.appending() as log:
                try:
                    self._process = await asyncio.create_subprocess_exec(
                        *self._argv,
                        stdin=theirs,
                        stdout=log,
                        stderr=log,
                        env={
                            **self._environment,
                            "PAWL_LISTEN": f"127.0.0.1:{self._port}",
                            "PAWL_ADDRESS_FILE": str(self._address_file),
                            "PAWL_LEAVE_WITH_PARENT": "1",
                            "GRPC_ENABLE_FORK_SUPPORT": "0",
                        },
                        pass_fds=(self._lock,),
                        start_new_session=True,
                    )
                except OSError as error:
                    return f"could not be started ({error.strerror})"
                finally:
                    os.close(theirs)
            pid = self._process.pid
            draft = self._pid_file.with_suffix(".draft")
            draft.write_text(f"{pid}\n")
            draft.rename(self._pid_file)
            if self._leaving.is_set():
                self._signal(signal.SIGTERM)
            code = await self._process.wait()
            return f"(pid {pid}) {_ending(code)}"
        finally:
            os.close(ours)

    async def _pause(self, delay: timedelta) -> None:
        try:
            async with asyncio.timeout(delay.total_seconds()):
                await self._leaving.wait()
        except TimeoutError:
            return

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    def _last_words(self) -> str:
        words = self.log.tail()
        if not words:
            return "; its log is empty"
        # The service itself cannot know that its port is an option of `pawl up`.
        taken = f"\nchoose another port with --{self.name}-port" if "cannot listen" in words else ""
        return f"; its log ends:\n{words}{taken}"


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}"
