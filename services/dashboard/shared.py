"""What has happened to one job, kept once for all who look at it."""

import asyncio
from collections import deque
from collections.abc import Iterator, Reversible
from dataclasses import dataclass
from heapq import merge
from itertools import takewhile

EVENT_BYTES = 2 * 1024 * 1024
"""Of a job with more, the oldest are let go of; `pawl watch` has them all."""
LIVE_BYTES = 512 * 1024
"""Of what its agent does and writes: those who come later, or read slowly, get the newest."""
BATCH_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """A frame, by the order in which it came."""

    order: int
    frame: bytes
    sequence: int = 0
    """Of an event: its number."""


@dataclass(slots=True)
class Place:
    """How far one viewer has come."""

    sequence: int
    """The last event it has seen."""
    order: int = 0


class Shared:
    """One job's frames: its events, the newest of what is live, each piece of the page as it is.

    A viewer takes what is behind its place whenever it has room for it, so that a slow one costs
    nobody anything: it misses live frames, but no event and no last state of a piece.
    """

    def __init__(self) -> None:
        self.closed = False
        """Nothing more will come."""
        self._order = 0
        self._events = _Bounded(EVENT_BYTES)
        self._live = _Bounded(LIVE_BYTES)
        self._pieces: dict[str, Kept] = {}
        self._change = asyncio.Event()

    def event(self, sequence: int, frame: bytes) -> None:
        """Keeps a fact."""
        self._events.add(self._next(frame, sequence))

    def live(self, frame: bytes) -> None:
        """Keeps what counts for a while."""
        self._live.add(self._next(frame))

    def piece(self, name: str, frame: bytes) -> None:
        """Keeps a piece in the place of what it was; one that is the same changes nothing."""
        known = self._pieces.get(name)
        if known is None or known.frame != frame:
            # At the end again, so that they stay in order.
            self._pieces.pop(name, None)
            self._pieces[name] = self._next(frame)

    def close(self) -> None:
        """Says that this is all."""
        self.closed = True
        self._tell()

    def since(self, place: Place) -> bytes:
        """The next frames for a viewer, whose place moves on; empty where there are none."""
        taken: list[bytes] = []
        size = 0
        kinds = (self._events, self._live, self._pieces.values())
        sources = (_behind(place.order, kind) for kind in kinds)
        for kept in merge(*sources, key=lambda kept: kept.order):
            if size >= BATCH_BYTES:
                break
            place.order = kept.order
            if kept.sequence and kept.sequence <= place.sequence:
                continue
            place.sequence = max(place.sequence, kept.sequence)
            taken.append(kept.frame)
            size += len(kept.frame)
        return b"".join(taken)

    async def changed(self, seconds: float) -> bool:
        """Waits for more; False when there was none for so long."""
        change = self._change
        try:
            async with asyncio.timeout(seconds):
                await change.wait()
        except TimeoutError:
            return False
        return True

    def _next(self, frame: bytes, sequence: int = 0) -> Kept:
        self._order += 1
        self._tell()
        return Kept(self._order, frame, sequence)

    def _tell(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


def _behind(order: int, kept: Reversible[Kept]) -> Iterator[Kept]:
    # From the newest backwards: most viewers are nearly up to date.
    return reversed(list(takewhile(lambda one: one.order > order, reversed(kept))))


class _Bounded:
    """The newest frames of one kind."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: deque[Kept] = deque()

    def __reversed__(self) -> Iterator[Kept]:
        return reversed(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept)

    def add(self, kept: Kept) -> None:
        self._kept.append(kept)
        self._size += len(kept.frame)
        while self._size > self._limit and len(self._kept) > 1:
            self._size -= len(self._kept.popleft().frame)
