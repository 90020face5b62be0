"""What a run asks of keepers, and how patient it is."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from services.runner.keeper.record import Order, Started
from services.runner.values import ProcessSeen, Receipt
from services.runner.vitals import Vitals


class KeeperFailed(Exception):
    """The keeper ended, or hung, before it had started anything."""


class Keeper(Protocol):
    """The process that holds the run."""

    pid: int
    gone: asyncio.Event

    def tell(self, *words: str) -> bool:
        """Gives a command; returns False where nobody listens."""

    def wake(self) -> None:
        """Continues it where somebody has stopped it."""

    def kill(self) -> None:
        """Ends it where it does not do as it is told."""

    async def started(self) -> Started:
        """Waits for the record of what it started."""

    def watching(self) -> AbstractAsyncContextManager[None]:
        """Has `gone` set when it ends, for the length of the block."""


class Keepers(Protocol):
    """Where keepers come from."""

    def launch(self, directory: Path, order: Order) -> Keeper:
        """Starts one. Raises OSError."""

    def find(self, directory: Path) -> Keeper | None:
        """Returns the one that lives for `directory`, if any."""

    async def end_remains(self, directory: Path, started: Started | None) -> Receipt:
        """Kills what a dead keeper left; tells what it found and what would not go.

        `started` is what it had told of itself, where anybody heard it.
        """

    def lives(self, process: ProcessSeen) -> bool:
        """Tells whether a process that could not be ended is there still."""

    def vitals(self, keeper_pid: int) -> Vitals:
        """Returns what the processes of this keeper's run have used, and what they are at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long things may take."""

    interrupt: timedelta = timedelta(seconds=10)
    terminate: timedelta = timedelta(seconds=5)
    linger: timedelta = timedelta(seconds=15)
    sweep: timedelta = timedelta(seconds=5)
    orphan: timedelta = timedelta(seconds=90)
    """A run that nobody follows for so long is ended."""

    def scaled(self, pace: float) -> "Patience":
        """The same with shorter graces; how long a run may go unfollowed has its own setting."""
        return replace(
            self,
            interrupt=self.interrupt * pace,
            terminate=self.terminate * pace,
            linger=self.linger * pace,
        )

    @property
    def stop(self) -> timedelta:
        """From a request to stop until no process is left, at the worst."""
        return self.interrupt + self.terminate + self.sweep
