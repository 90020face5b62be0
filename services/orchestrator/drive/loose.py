"""Remembers the small pieces of output that were stored one by one, until one can replace them."""

from dataclasses import dataclass, field, replace

from services.orchestrator.jobs.job import Segment

SMALL = 64 * 1024
"""A piece this large stays as it is."""
MOST_PIECES = 64
MOST_BYTES = 256 * 1024
"""What is held in memory for one running step."""


@dataclass(slots=True)
class Loose:
    """The newest small pieces of one stream, neighbours all, with their bytes.

    A watcher wants each line at once, so that a step which says a little all the time leaves a
    piece every few milliseconds: a million files in a night.
    """

    pieces: list[Segment] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    def take(self, piece: Segment, data: bytes) -> None:
        """Adds what was stored last; what is no neighbour of it stays as it is for good."""
        if len(data) >= SMALL or (self.pieces and self.pieces[-1].stream is not piece.stream):
            self.clear()
        if len(data) < SMALL:
            self.pieces.append(piece)
            self.data += data

    @property
    def full(self) -> bool:
        """One piece in their place is worth its price."""
        return len(self.pieces) >= MOST_PIECES or len(self.data) >= MOST_BYTES

    def merged(self, key: str) -> Segment:
        """Returns the piece that replaces them all, at the place of the last."""
        first, last = self.pieces[0], self.pieces[-1]
        return replace(last, offset=first.offset, size=len(self.data), key=key)

    def clear(self) -> None:
        """Leaves those there are as they are."""
        self.pieces.clear()
        self.data.clear()
