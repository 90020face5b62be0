"""What a run has said so far: on disk before anybody hears it, for any number of readers."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from pawl.wire.errors import OutOfRange
from services.runner import frames
from services.runner.frames import Acted, Ended, Output, Record, Started
from services.runner.journal_file import MAGIC, JournalFile
from services.runner.position import Position
from services.runner.values import Activity, Finished, Stream

PIECE = 60 * 1024
"""Bytes of output in one record, so that it fits into a message of 64 KiB."""

BLOCK = 256 * 1024
"""Bytes read at once; a frame is never larger."""

LANDMARK_DISTANCE = 1024 * 1024


class Journal:
    """One file; one writer, which calls `commit`; readers see what has been committed.

    All methods belong to the loop's thread; the disk is read and written beside it.
    """

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._size = len(MAGIC)
        """Bytes that are durable and whole."""
        self.started: Started | None = None
        self.ended: Ended | None = None
        self.position = Position()
        """What has been committed."""
        self.ahead = Position()
        """What has been added, committed or not."""
        self._pending: list[Record] = []
        self._landmarks: list[tuple[int, Position]] = []
        self._grew = asyncio.Event()

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Opens or makes the journal at `path`; a torn end of it is cut off.

        Raises NotAJournal, or OSError.
        """
        journal = cls(await asyncio.to_thread(JournalFile, path))
        await journal._recover()
        return journal

    @property
    def closed(self) -> bool:
        """Its last record is there."""
        return self.ended is not None

    def start(self, record: Started) -> None:
        """Adds the first record."""
        self._add(record)

    def output(self, stream: Stream, data: bytes, time: datetime) -> None:
        """Adds what the CLI wrote to `stream` after what was added before."""
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            offset = self.ahead.of(stream)
            self._add(Output(stream=stream, offset=offset, data=piece, time=time))

    def acted(self, activity: Activity, time: datetime) -> None:
        """Adds what the agent did."""
        self._add(Acted(index=self.ahead.activities, activity=activity, time=time))

    def finish(self, finished: Finished, time: datetime) -> None:
        """Adds the last record."""
        self._add(Ended(finished=finished, time=time))

    async def commit(self) -> None:
        """Returns once all that was added is durable, and wakes the readers.

        Raises OSError where the disk does not take it: it then stays added, and the next commit
        tries again.
        """
        if not self._pending:
            return
        records = list(self._pending)
        data = b"".join(map(frames.encode, records))
        await asyncio.to_thread(self._file.write, data, self._size)
        del self._pending[: len(records)]
        self._note(records, self._size + len(data))
        self.wake()

    def discard(self) -> None:
        """Forgets what was added and not committed."""
        self._pending.clear()
        self.ahead = self.position

    def let_go(self) -> None:
        """Frees the file. A stream whose caller was killed may hold the journal long after that."""
        self._file.close()
        self.wake()

    def wake(self) -> None:
        """Has every waiting reader look again."""
        grew, self._grew = self._grew, asyncio.Event()
        grew.set()

    def reader(self, position: Position) -> "JournalReader":
        """Returns a reader of what follows `position`. Raises OutOfRange behind the end."""
        if not position.within(self.position):
            raise OutOfRange(
                "AFTER_END",
                f"the journal ends at {self.position}, and {position} lies behind that; "
                "attach with what you have stored",
            )
        passed = [size for size, mark in self._landmarks if mark.within(position)]
        return JournalReader(self, position, max(passed, default=len(MAGIC)))

    async def read(self, offset: int) -> tuple[Sequence[Record], int]:
        """Returns some of what is committed from byte `offset` on, and where to go on.

        Nothing where the end is reached, or where no whole record begins at `offset`.
        Raises NotFound after `let_go`.
        """
        length = min(BLOCK, self._size - offset)
        if length <= 0:
            return (), offset
        data = await asyncio.to_thread(self._file.read, length, offset)
        records, end = [], 0
        for record, after in frames.decode(data):
            records.append(record)
            end = after
        return records, offset + end

    async def grown(self, offset: int, patience: timedelta) -> None:
        """Returns when something follows byte `offset`, on `wake`, or after `patience`."""
        if offset < self._size:
            return
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._grew.wait()
        except TimeoutError:
            return

    def _add(self, record: Record) -> None:
        if self.closed or (self._pending and isinstance(self._pending[-1], Ended)):
            raise ValueError("a finished journal takes no more records")
        self._pending.append(record)
        self.ahead = self.ahead.after(record)

    def _note(self, records: Sequence[Record], size: int) -> None:
        for record in records:
            self.position = self.position.after(record)
            if isinstance(record, Started):
                self.started = record
            elif isinstance(record, Ended):
                self.ended = record
        self._size = size
        if size - (self._landmarks[-1][0] if self._landmarks else 0) >= LANDMARK_DISTANCE:
            self._landmarks.append((size, self.position))

    async def _recover(self) -> None:
        on_disk = await asyncio.to_thread(self._file.size)
        whole, self._size = self._size, on_disk
        while whole < on_disk:
            records, end = await self.read(whole)
            if not records:
                break
            self._note(records, end)
            whole, self._size = end, on_disk
        self._size = whole
        self.ahead = self.position
        if whole < on_disk:
            await asyncio.to_thread(self._file.cut, whole)


class JournalReader:
    """One reader's place in a journal; reads in blocks, so that a slow reader costs no memory."""

    def __init__(self, journal: Journal, position: Position, offset: int) -> None:
        self._journal = journal
        self._position = position
        self._offset = offset
        self.over = False
        """The last record has been read."""

    async def read(self, patience: timedelta) -> Sequence[Record]:
        """Returns what follows, at most 256 KiB; nothing after `patience`, or when just woken.

        The `Started` record is left out: whoever attaches is told it in any case.
        """
        await self._journal.grown(self._offset, patience)
        while True:
            records, end = await self._journal.read(self._offset)
            self._offset = end
            wanted = [record for record in map(self._rest, records) if record is not None]
            if wanted or not records:
                return wanted

    def _rest(self, record: Record) -> Record | None:
        """Returns the part of `record` that is still to be said, if any, and moves past it."""
        before = self._position
        after = before.after(record)
        if before.within(after):
            self._position = after
        match record:
            case Output():
                said = before.of(record.stream) - record.offset
                if said >= len(record.data):
                    return None
                if said > 0:
                    rest = record.data[said:]
                    return replace(record, offset=record.offset + said, data=rest)
            case Acted() if record.index < before.activities:
                return None
            case Started():
                return None
            case Ended():
                self.over = True
        return record
