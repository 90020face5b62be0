"""Where one scripted run plays, and the ways it can end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from services.orchestrator.drive.ports import Output
from services.orchestrator.jobs.activity import Activity, ActivityKind
from services.orchestrator.jobs.failures import Reason
from services.orchestrator.jobs.job import Stream, Usage

Script = Callable[["Stage"], Awaitable[None]]
"""What one run does in its workspace; what it raises ends the run."""


class Fails(Exception):
    """Ends a scripted run with a failure."""

    reason = Reason.AGENT_EXIT
    reset_time: datetime | None = None


class Limited(Fails):
    """Ends a scripted run because its provider takes no more requests."""

    reason = Reason.AGENT_RATE_LIMITED

    def __init__(self, message: str, *, reset_time: datetime) -> None:
        super().__init__(message)
        self.reset_time = reset_time


class Dies(Exception):
    """Ends a scripted run with its runner's process: nobody sees how it ended."""


@dataclass(slots=True)
class Stage:
    """What a script has to work with."""

    tree: Path
    stopped: asyncio.Event
    attempt: int = 1
    step_index: int = 0
    said: list[Output | Activity] = field(default_factory=list)
    grew: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, text: str, stream: Stream = Stream.STDOUT) -> None:
        """Writes a line of output."""
        before = [one for one in self.said if isinstance(one, Output) and one.stream is stream]
        offset = sum(len(one.data) for one in before)
        self.said.append(Output(stream=stream, offset=offset, data=f"{text}\n".encode()))
        self.grew.set()

    @property
    def spent(self) -> Usage | None:
        """What was told last."""
        told = [one.usage for one in self.said if isinstance(one, Activity) and one.usage]
        return told[-1] if told else None

    def spend(self, tokens: int) -> None:
        """Tells what was consumed so far."""
        self._act(ActivityKind.USAGE, usage=Usage(input_tokens=tokens))

    def tell(self, text: str) -> None:
        """Says something to people."""
        self._act(ActivityKind.MESSAGE, text)

    def _act(self, kind: ActivityKind, text: str = "", usage: Usage | None = None) -> None:
        self.said.append(
            Activity(
                step_index=self.step_index,
                attempt=self.attempt,
                index=sum(isinstance(one, Activity) for one in self.said),
                create_time=datetime.now(UTC),
                kind=kind,
                text=text,
                path="",
                usage=usage,
            )
        )
        self.grew.set()
