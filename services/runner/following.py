"""Copies a run's captures into its journal, and reads what the CLI tells on the way."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from services.runner import ending
from services.runner.capture import Capture, Shrunk
from services.runner.frames import Acted, Output
from services.runner.journal import Journal
from services.runner.lines import Lines
from services.runner.position import Position
from services.runner.redact import Redactor
from services.runner.runtimes.runtime import Reader
from services.runner.values import Activity, ActivityKind, Stream

logger = structlog.get_logger(__name__)

BATCH = 256 * 1024
"""Bytes of each capture that are made durable at once."""

TAIL = 16 * 1024
"""Bytes of standard error that a verdict may look at."""


class Follower:
    """One run's only writer of its journal while the run lives.

    What it holds in memory is bounded: a batch of each stream, one line, one secret.
    """

    def __init__(
        self,
        directory: Path,
        journal: Journal,
        reader: Reader,
        *,
        secrets: Iterable[bytes],
        most_bytes: int,
        now: Callable[[], datetime],
    ) -> None:
        self._directory = directory
        self._journal = journal
        self._reader = reader
        self._now = now
        secrets = tuple(secrets)
        self._redactors = {stream: Redactor(secrets) for stream in Stream}
        self._captures: dict[Stream, Capture] = {}
        self._room = most_bytes
        self._lines = Lines()
        self._acted = 0
        self.stderr_tail = b""
        self.trouble: str | None = None
        """Why the run has to be stopped, in the words of `ending`."""

    @property
    def resulted(self) -> bool:
        """The CLI has said its result."""
        return self._reader.resulted

    async def begin(self) -> None:
        """Goes on from what the journal holds: nothing at first, all so far after a restart."""
        known = self._journal.position
        replay = self._journal.reader(Position())
        while records := await replay.read(timedelta()):
            for record in records:
                if isinstance(record, Output):
                    self._heed(record.stream, record.data, known.activities)
                elif isinstance(record, Acted):
                    continue
        self._acted = max(self._acted, known.activities)
        self._room -= known.stdout + known.stderr
        self._captures = {
            stream: Capture(self._directory / stream.value, known.of(stream)) for stream in Stream
        }

    async def pump(self) -> bool:
        """Moves what there is, at most a batch; returns whether there was anything.

        After `trouble` nothing is read any more: what the journal holds is then cut there.
        """
        read = 0
        for stream in Stream:
            if self.trouble is None:
                data = self._read(stream)
                read += len(data)
                self._take(stream, self._redactors[stream].feed(data))
        if self.trouble is not None:
            self._let_go()
        await self._commit()
        return read > 0

    async def end(self) -> None:
        """Moves the rest once no process of the run is left. Raises OSError on a full disk."""
        self._let_go()
        for line in self._lines.end():
            self._tell(self._reader.line(line), self._journal.position.activities)
        await self._journal.commit()

    def _read(self, stream: Stream) -> bytes:
        try:
            data = self._captures[stream].read(min(BATCH, self._room + 1))
        except Shrunk:
            self.trouble = ending.CORRUPT
            return b""
        if len(data) > self._room:
            self.trouble = ending.OUTPUT
            data = data[: self._room]
        self._room -= len(data)
        return data

    def _let_go(self) -> None:
        """Gives out what redactors hold back, since nothing follows it."""
        for stream, redactor in self._redactors.items():
            self._take(stream, redactor.end())

    def _take(self, stream: Stream, data: bytes) -> None:
        if data:
            self._journal.output(stream, data, self._now())
            self._heed(stream, data, self._acted)

    def _heed(self, stream: Stream, data: bytes, known: int) -> None:
        """Has what was said understood; activities before `known` are in the journal already."""
        if stream is Stream.STDERR:
            self.stderr_tail = (self.stderr_tail + data)[-TAIL:]
            return
        given_up = self._lines.given_up
        for line in self._lines.feed(data):
            self._tell(self._reader.line(line), known)
        for _ in range(self._lines.given_up - given_up):
            notice = "A line of output was too long to be read; the log has it whole."
            self._tell([Activity(kind=ActivityKind.NOTICE, text=notice)], known)

    def _tell(self, activities: Iterable[Activity], known: int) -> None:
        for activity in activities:
            if self._acted >= known:
                self._journal.acted(activity, self._now())
            self._acted += 1

    async def _commit(self) -> None:
        try:
            await self._journal.commit()
        except OSError as problem:
            # Stays pending, and nothing more is read: the last commit tries again.
            logger.warning("journal_unwritable", problem=str(problem))
            self.trouble = ending.STORAGE
