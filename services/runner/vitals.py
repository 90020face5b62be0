"""Takes down what the processes of a run have used and what they are at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.runner.keeper import census
from services.runner.keeper.census import Process

LEAST_SHARE = 0.01
"""Of one core: an idle runtime's timers use less."""
LEAST_BYTES = 1024
"""Read or written: an idle runtime wakes itself with a few bytes now and then."""

MOST_LOOKED_AT = 256
"""Processes whose bytes are counted; each costs a file in /proc."""
MOST_NAMED = 3

Key = tuple[int, int]
"""Pid and start time: one process for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What there was at one moment; empty for a run of which nothing was found."""

    processor: Mapping[Key, float] = field(default_factory=dict)
    """Seconds, those of children that ended and were waited for included."""
    moved: Mapping[Key, int] = field(default_factory=dict)
    """Bytes that each has read and written; what cannot be read is left out."""
    waits: tuple[str, ...] = ()
    """Where the first of them waits, in words."""
    running: tuple[str, ...] = ()
    """Those that run, or would if a processor were free."""
    stuck: tuple[str, ...] = ()
    """Those that wait for a disk or a network file system and can be ended by nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What happened between two moments."""

    seconds: float
    processor: float
    moved: int
    begun: int
    ended: int
    now: Vitals

    @classmethod
    def between(cls, before: Vitals, after: Vitals, seconds: float) -> "Progress":
        """Returns the difference; what a process did before it was first seen is its own."""
        return cls(
            seconds=seconds,
            processor=sum(
                max(0.0, used - before.processor.get(key, 0.0))
                for key, used in after.processor.items()
            ),
            moved=sum(max(0, size - before.moved.get(key, 0)) for key, size in after.moved.items()),
            begun=len(after.processor.keys() - before.processor.keys()),
            ended=len(before.processor.keys() - after.processor.keys()),
            now=after,
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the run is at work for all its silence; empty where it is idle."""
        found = {
            # A machine that is short of processors gives little even to those that want much.
            "used the processor": bool(self.now.running)
            or self.processor >= max(0.05, LEAST_SHARE * self.seconds),
            "read or wrote": self.moved >= LEAST_BYTES,
            "started or ended processes": self.begun + self.ended > 0,
            "waited for a disk": bool(self.now.stuck),
        }
        return tuple(reason for reason, holds in found.items() if holds)

    def told(self) -> str:
        """A sentence for people about what was seen."""
        count = len(self.now.processor)
        if not count:
            return "No process of it was to be seen."
        some = (
            f"In the last {self.seconds:.3g} s its {count} process{'es' * (count > 1)} used "
            f"{self.processor:.2f} s of processor time, read and wrote {self.moved} bytes, and "
            f"{self.begun} began and {self.ended} ended"
        )
        return f"{some}; {', '.join(self.now.waits)}." if self.now.waits else f"{some}."


def vitals(root: int) -> Vitals:
    """Looks at the descendants of `root`."""
    found = [process for process in census.descendants(root) if not process.ended]
    return Vitals(
        processor={_key(each): each.cpu_ticks / census.TICKS_A_SECOND for each in found},
        moved={
            _key(each): size
            for each in found[:MOST_LOOKED_AT]
            if (size := _moved(each.pid)) is not None
        },
        waits=tuple(_waiting(each) for each in found[:MOST_NAMED]),
        running=tuple(each.name for each in found if each.state == "R"),
        stuck=tuple(each.name for each in found if each.state == "D"),
    )


def _key(process: Process) -> Key:
    return process.pid, process.start_time


def _moved(pid: int) -> int | None:
    fields = dict(line.split(b": ", 1) for line in _read(pid, "io").splitlines() if b": " in line)
    try:
        return int(fields[b"rchar"]) + int(fields[b"wchar"])
    except (KeyError, ValueError):
        return None


def _waiting(process: Process) -> str:
    """Where a process is, as far as the kernel tells this user."""
    name = f"{process.name} ({process.pid})"
    match process.state:
        case "R":
            return f"{name} runs"
        case "T" | "t":
            return f"{name} is stopped by a signal"
    call = _read(process.pid, "wchan").decode("ascii", "replace").strip()
    where = f" in {call}" if call not in {"", "0"} else ""
    return f"{name} {'is blocked' if process.state == 'D' else 'waits'}{where}"


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
