"""All services together: started in order, kept running, stopped in reverse."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pawl.cli.text import lines
from pawl.cli.up import environment as env
from pawl.cli.up.child import Child, FailedToStart
from pawl.cli.up.home import Home
from pawl.cli.up.log import Log
from pawl.cli.up.services import Service

GRACE = timedelta(seconds=15)
"""What each service gets to leave before it is killed."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What to run, where and how."""

    services: tuple[Service, ...]
    home: Home
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    """The caller's; each service gets the part the table grants it."""
    say: Callable[[str], None]
    verbose: bool
    patience: timedelta = timedelta(seconds=60)
    """What all services together get to serve for the first time."""

    async def run(self, ready: Callable[[Mapping[str, str]], None]) -> None:
        """Runs the services until a signal asks to leave, a second one at once.

        `ready` gets every address when all are serving. Raises FailedToStart,
        after all that had started was stopped, and InUse.
        """
        with self.home.held():
            async with self.home.inherited(self.say) as lock:
                await self._run(ready, lock)

    async def _run(self, ready: Callable[[Mapping[str, str]], None], lock: int) -> None:
        leaving = asyncio.Event()
        children: list[Child] = []
        failure: FailedToStart | OSError | None = None

        def asked() -> None:
            if leaving.is_set():
                for child in children:
                    child.kill()
            leaving.set()

        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, asked)
        try:
            async with asyncio.TaskGroup() as tasks:
                logs = tasks.create_task(self._tend(children), name="logs")
                try:
                    addresses = await self._start(tasks, children, leaving, lock)
                    if not leaving.is_set():
                        ready(addresses)
                    await leaving.wait()
                except (FailedToStart, OSError) as error:
                    failure = error
                finally:
                    for child in reversed(children):
                        await child.stop(GRACE)
                    logs.cancel()
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
        if failure is not None:
            raise failure

    async def _start(
        self, tasks: asyncio.TaskGroup, children: list[Child], leaving: asyncio.Event, lock: int
    ) -> dict[str, str]:
        end = asyncio.get_running_loop().time() + self.patience.total_seconds()
        addresses: dict[str, str] = {}
        waiting: list[Child] = []
        for service in self.services:
            if set(service.needs) - set(addresses):
                addresses |= await self._serving(waiting, leaving, end)
                waiting = []
            if leaving.is_set():
                return addresses
            child = self._child(service, addresses, lock)
            children.append(child)
            waiting.append(child)
            tasks.create_task(child.keep(), name=service.name)
        return addresses | await self._serving(waiting, leaving, end)

    async def _serving(
        self, waiting: list[Child], leaving: asyncio.Event, end: float
    ) -> dict[str, str]:
        addresses: dict[str, str] = {}
        try:
            async with asyncio.timeout_at(end):
                for child in waiting:
                    while (address := await child.address()) is None:
                        if leaving.is_set():
                            return addresses
                        await asyncio.sleep(0.05)
                    addresses[child.name] = address
        except TimeoutError:
            late = next(child for child in waiting if child.name not in addresses)
            raise late.late(self.patience) from None
        return addresses

    def _child(self, service: Service, addresses: Mapping[str, str], lock: int) -> Child:
        return Child(
            service.name,
            service.argv,
            env.chosen(self.environment, service.wants(self.environment))
            | service.told(self.home, addresses),
            port=self.ports[service.name],
            folder=self.home.folder("services"),
            log=Log(self.home.folder("logs") / f"{service.name}.log"),
            lock=lock,
            say=self.say,
            answers=service.answers,
        )

    async def _tend(self, children: list[Child]) -> None:
        """Keeps the logs bounded and, when verbose, shows them; ends by cancellation."""
        while True:
            for child in children:
                if self.verbose:
                    sys.stderr.write(lines(child.log.fresh().decode(errors="replace")))
                    sys.stderr.flush()
                child.log.trim()
            await asyncio.sleep(0.25)
