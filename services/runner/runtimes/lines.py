"""Reads a CLI's stdout as one JSON object a line, patient with what is none."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from services.runner.runtimes import fields
from services.runner.runtimes.failures import Trouble
from services.runner.runtimes.visible import shown_path, visible, visible_bytes
from services.runner.values import Activity, ActivityKind, Usage

Clock = Callable[[], datetime]
"""Tells the time, aware."""

_MOST_NOTICES = 20
"""After so many, unreadable lines are only counted: an agent can print millions."""


class LineReader(ABC):
    """What the readers of all three CLIs have in common."""

    def __init__(self, repo: str, clock: Clock) -> None:
        self._repo = repo
        self._clock = clock
        self._strange: set[str] = set()
        self.unreadable = 0
        """Lines so far that held no JSON object."""
        self.events = 0
        """Lines so far that did."""
        self.usage: Usage | None = None
        self.trouble: Trouble | None = None
        """The last error told of that was not got over."""

    def line(self, line: bytes) -> Sequence[Activity]:
        """What one line tells; never raises."""
        if not line.strip():
            return ()
        event = fields.parsed(line)
        if event is None:
            self.unreadable += 1
            if self.unreadable > _MOST_NOTICES:
                return ()
            last = "; further ones are only counted" if self.unreadable == _MOST_NOTICES else ""
            shown = visible_bytes(line[:200], 512)
            return (notice(f"A line of output is no JSON object{last}: {shown}"),)
        self.events += 1
        return self._event(event)

    @abstractmethod
    def _event(self, event: Mapping[str, object]) -> Sequence[Activity]:
        """What one event tells; fields may hold anything."""

    def _unknown(self, kind: str) -> Sequence[Activity]:
        """An event of a `kind` not known here: told once a kind, a newer CLI may have it."""
        kind = visible(kind, 64)
        if kind in self._strange or len(self._strange) >= _MOST_NOTICES:
            return ()
        self._strange.add(kind)
        return (notice(f"An event of an unknown kind: {kind}"),)

    def _changed(self, path: str) -> Activity:
        return Activity(kind=ActivityKind.FILE_CHANGE, path=shown_path(path, self._repo))

    def _used(self, usage: Usage) -> Activity:
        self.usage = usage
        return Activity(kind=ActivityKind.USAGE, usage=usage)


def told(kind: ActivityKind, text: str) -> tuple[Activity, ...]:
    """One activity of `kind` with `text`; none where there is no text."""
    return (Activity(kind=kind, text=visible(text)),) if text.strip() else ()


def notice(text: str) -> Activity:
    """Something worth a line that is neither the agent's doing nor an error of the run."""
    return Activity(kind=ActivityKind.NOTICE, text=visible(text))


def erred(trouble: Trouble) -> Activity:
    """An error, as an activity."""
    return Activity(
        kind=ActivityKind.ERROR,
        text=trouble.message,
        error_class=trouble.error_class,
        reset_time=trouble.reset_time,
    )
