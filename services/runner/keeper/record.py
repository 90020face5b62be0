"""What a keeper reads and leaves: its order, and the two records of a run's ends."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

STARTED = "started.json"
ENDED = "ended.json"
PROCESSES = "processes.json"
CONTROL = "control"


class Order(TypedDict):
    """What to run, read once from stdin, so that no secret in it rests on a disk."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    prompt: str
    """Base64 of the bytes that stdin carries."""
    stdout: str
    """The capture files; made if missing, only ever appended to."""
    stderr: str
    max_capture_bytes: int
    """Both captures together; a backstop for the time nobody follows them."""
    step_timeout: float
    """Seconds, as all below."""
    interrupt_grace: float
    terminate_grace: float
    linger_grace: float
    """From `finish` to the first signal."""
    orphan_limit: float
    """From the newest moment the run was kept from to the stop."""
    kept: float
    """The first such moment, by the monotonic clock."""
    sweep_limit: float
    mark: NotRequired[int]
    """What every process of the run carries; see `marks`."""
    lock: NotRequired[int]
    """A descriptor whose flock says that this keeper lives; never passed on."""


class ProcessId(TypedDict):
    """A process named for good, within one boot."""

    pid: int
    start_time: int
    """Clock ticks since boot, field 22 of /proc/PID/stat."""
    name: str


class ProcessSeen(ProcessId):
    """One that was found when somebody looked."""

    ways: NotRequired[Sequence[str]]
    """Of `session`, `parentage` and `mark`: how it was found."""


class Started(TypedDict):
    """Durable before the CLI's first instruction."""

    mark: NotRequired[int]
    keeper: ProcessId
    process: ProcessId
    boot_id: str
    time: str


class Signalled(TypedDict):
    """One signal that was sent."""

    signal: str
    time: str
    target: str
    """`group`, or `sweep` for a descendant that had left the group."""
    pid: int
    """The process or process group it went to."""


class Receipt(TypedDict):
    """What was done to end a run's processes, and what is left of them."""

    signals: list[Signalled]
    """In the order they were sent; the first 200, as below."""
    signal_count: NotRequired[int]
    """All of them, as below; earlier versions did not count."""
    before: list[ProcessSeen]
    """What ran when the stop began, or when the CLI had ended by itself."""
    before_count: NotRequired[int]
    survivors: list[ProcessSeen]
    """What ran after the last sweep."""
    survivor_count: NotRequired[int]
    duration: float
    """Seconds from then until no process was left, or the sweep gave up."""


class Ended(TypedDict):
    """Durable once no process of the run is left, or the sweep gave up."""

    exit_code: int | None
    exit_signal: int | None
    error: str
    """Why the CLI could not be started; empty where it was."""
    stop: str | None
    """Why it was stopped; None where it ended by itself."""
    out_of_memory: bool
    started: str
    ended: str
    duration: float
    receipt: Receipt


def read(path: Path) -> dict[str, Any] | None:
    """Returns the record at `path`, or None where there is none that can be read.

    Where agents are not isolated, one may write there what it likes.
    """
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Puts `record` at `path`, whole or not at all, and returns once it would survive a crash."""
    place(path, record, durable=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def place(path: Path, record: Mapping[str, Any], *, durable: bool = False) -> None:
    """Puts `record` at `path`, whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    with draft.open("wb") as file:
        file.write(json.dumps(record).encode())
        file.flush()
        if durable:
            os.fsync(file.fileno())
    draft.replace(path)


def now() -> str:
    """Returns the wall-clock time as records spell it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat()
