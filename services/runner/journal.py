"""What a run has said so far: on disk before anybody hears it, for any number of readers."""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from pawl.wire.errors import NotFound, OutOfRange
from services.runner import frames
from services.runner.frames import Acted, Ended, Output, Record, Started
from services.runner.values import Activity, Finished, Stream

MAGIC = b"pawl journal 1\n"

PIECE = 60 * 1024
"""Bytes of output in one record, so that it fits into a message of 64 KiB."""

BLOCK = 256 * 1024
"""Bytes read at once; a frame is never larger."""

LANDMARK_DISTANCE = 1024 * 1024


class NotAJournal(Exception):
    """The file holds something else, or was written by a version that spells it otherwise."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """What has been said before some point: bytes of both streams, and activities."""

    stdout: int = 0
    stderr: int = 0
    activities: int = 0

    def after(self, record: Record) -> "Position":
        """Returns the position once `record` has been said too."""
        match record:
            case Output(stream=Stream.STDOUT):
                return Position(record.offset + len(record.data), self.stderr, self.activities)
            case Output(stream=Stream.STDERR):
                return Position(self.stdout, record.offset + len(record.data), self.activities)
            case Acted():
                return Position(self.stdout, self.stderr, record.index + 1)
            case _:
                return self

    def of(self, stream: Stream) -> int:
        """Returns the bytes of one stream."""
        return self.stdout if stream is Stream.STDOUT else self.stderr

    def within(self, other: "Position") -> bool:
        """Tells whether nothing of this lies behind `other`."""
        return (
            self.stdout <= other.stdout
            and self.stderr <= other.stderr
            and self.activities <= other.activities
        )


class Journal:
    """One file; one writer, which calls `commit`; readers see what has been committed.

    All methods belong to the loop's thread; the disk is read and written beside it.
    """

    def __init__(self, file: "_File") -> None:
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
        journal = cls(await asyncio.to_thread(_File, path))
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


class _File:
    """The journal's file.

    Closing it while a thread still reads would hand the descriptor's number to a stranger: the
    last one that uses it closes it then.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._users = 1
        """Threads that are at it, and one for as long as it is open."""
        self._open = True
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        magic = os.pread(self._descriptor, len(MAGIC), 0)
        if magic != MAGIC:
            if not MAGIC.startswith(magic):
                self.close()
                raise NotAJournal(f"{path} is no journal of this version; move it away")
            self.write(MAGIC, 0)

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            self.close()

    def close(self) -> None:
        with self._lock:
            if not self._open:
                return
            self._open = False
        self._leave()

    @contextmanager
    def _used(self) -> Iterator[int]:
        with self._lock:
            if not self._open:
                raise NotFound("RUN_NOT_FOUND", "the run has been acknowledged and is forgotten")
            self._users += 1
        try:
            yield self._descriptor
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            os.close(self._descriptor)

    def size(self) -> int:
        with self._used() as descriptor:
            return os.fstat(descriptor).st_size

    def read(self, length: int, offset: int) -> bytes:
        with self._used() as descriptor:
            return os.pread(descriptor, length, offset)

    def write(self, data: bytes, offset: int) -> None:
        rest = memoryview(data)
        with self._used() as descriptor:
            while rest:
                written = os.pwrite(descriptor, rest, offset)
                rest, offset = rest[written:], offset + written
            os.fdatasync(descriptor)

    def cut(self, size: int) -> None:
        with self._used() as descriptor:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
