"""How much of what a run says has been said before some point."""

from dataclasses import dataclass

from services.runner.frames import Acted, Output, Record
from services.runner.values import Stream


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
