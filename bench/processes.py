"""Starts servers and the client as children, each kept on cores of its own."""

import contextlib
import ctypes
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
LEAVE_SECONDS = 10.0
ANSWER_SECONDS = 60.0
"""Longer than the client gives its calls."""

LIBC = ctypes.CDLL(None)


class Broken(Exception):
    """A child did not start, died, or a call on it failed; the message says what was seen."""


@dataclass(frozen=True)
class Cores:
    """Which cores the two sides of a measurement run on; the same ones where there is but one."""

    server: frozenset[int]
    client: frozenset[int]

    @classmethod
    def split(cls) -> "Cores":
        """One core for the server, the others for the client."""
        *others, last = sorted(os.sched_getaffinity(0))
        return cls(server=frozenset({last}), client=frozenset(others or [last]))

    def told(self) -> str:
        """A line about them."""
        server, client = (
            ", ".join(map(str, sorted(cores))) for cores in (self.server, self.client)
        )
        if self.server == self.client:
            return f"client and server share core {server}: only cpu time means anything"
        return f"servers on core {server}, client on {client}"


@dataclass(frozen=True)
class Server:
    """A server that listens."""

    name: str
    address: str
    pid: int

    def cpu_seconds(self) -> float:
        """What all its threads have used so far. Raises Broken when it is gone."""
        clock = ctypes.c_int()
        # /proc/PID/stat counts in hundredths of a second, which is much of a short round.
        if LIBC.clock_getcpuclockid(self.pid, ctypes.byref(clock)) != 0:
            raise Broken(f"{self.name} is gone")
        return time.clock_gettime(clock.value)


@contextlib.contextmanager
def server(
    name: str,
    *argv: str,
    cores: frozenset[int],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """``python -m ARGV`` for the length of the block, in an environment made from nothing.

    `environment` is added to it. It is told the file for its address as `PAWL_ADDRESS_FILE`,
    leaves when its standard input ends, and writes its log below `folder`. Raises Broken when
    it does not serve in time.
    """
    address_file = folder / f"{name}.address"
    log = folder / f"{name}.log"
    own = {
        "PAWL_LISTEN": "127.0.0.1:0",
        "PAWL_ADDRESS_FILE": str(address_file),
        "PAWL_LEAVE_WITH_PARENT": "1",
        "PAWL_LOG_LEVEL": "warning",
        **(environment or {}),
    }
    with log.open("wb") as said:
        child = _pinned(
            cores, *argv, environment=own, stdout=said.fileno(), stderr=subprocess.STDOUT
        )
    with _ending(child):
        give_up = time.monotonic() + START_SECONDS
        while not address_file.exists():
            if child.poll() is not None or time.monotonic() > give_up:
                raise Broken(f"{name} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)
        yield Server(name, address_file.read_text(), child.pid)


class Client:
    """The process that calls; see `bench.load`."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._asks = _pipe(child.stdin)
        self._answers = _pipe(child.stdout)

    def round(
        self, target: Server, method: str, request: Path, *, concurrency: int, seconds: float
    ) -> tuple[int, float]:
        """Calls one after another from `concurrency` callers: how many calls, in what seconds.

        Raises Broken when a call fails.
        """
        told = {
            "target": target.address,
            "method": method,
            "request": str(request),
            "concurrency": concurrency,
            "seconds": seconds,
        }
        self._asks.write(json.dumps(told).encode() + b"\n")
        self._asks.flush()
        # One answer is all there ever is to read, so nothing hides in the pipe's buffer.
        if not select.select([self._answers], [], [], seconds + ANSWER_SECONDS)[0]:
            raise Broken(f"the client did not answer {ANSWER_SECONDS:g} s after its round")
        line = self._answers.readline()
        if not line:
            raise Broken("the client died; its last words are above")
        answer = json.loads(line)
        if "failed" in answer:
            raise Broken(answer["failed"])
        return answer["calls"], answer["seconds"]


@contextlib.contextmanager
def client(cores: frozenset[int]) -> Iterator[Client]:
    """The calling process for the length of the block."""
    child = _pinned(cores, "bench.load", environment={}, stdout=subprocess.PIPE, stderr=None)
    with _ending(child):
        yield Client(child)


def _pinned(
    cores: frozenset[int],
    *argv: str,
    environment: Mapping[str, str],
    stdout: int,
    stderr: int | None,
) -> "subprocess.Popen[bytes]":
    """Starts a child on `cores`: it inherits those of the thread that starts it."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", *argv],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            env={**environment, "GRPC_ENABLE_FORK_SUPPORT": "0"},
            cwd=ROOT,
            start_new_session=True,
        )
    finally:
        os.sched_setaffinity(0, mine)


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    """A pipe that `_pinned` asked for, and so is there."""
    return cast("IO[bytes]", end)


@contextlib.contextmanager
def _ending(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    with child:
        try:
            yield
        finally:
            # What a dead child did not read is of no interest any more.
            with contextlib.suppress(BrokenPipeError):
                _pipe(child.stdin).close()
            try:
                child.wait(LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
