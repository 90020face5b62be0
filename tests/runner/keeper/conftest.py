"""A keeper started the way the runner starts it, and ended with its test."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from services.runner.keeper import census, record
from services.runner.keeper.record import Ended, Order, Started

ROOT = Path(__file__).resolve().parents[3]


class Held:
    """One keeper and the directory of its run."""

    def __init__(self, directory: Path, order: Order) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-P", "-m", "services.runner.keeper", str(directory)],
            stdin=subprocess.PIPE,
            env={"PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode())
        self.process.stdin.close()

    def started(self) -> Started:
        eventually((self.directory / record.STARTED).exists, "the run never started")
        return cast("Started", record.read(self.directory / record.STARTED))

    def ended(self) -> Ended:
        assert self.process.wait(timeout=9) == 0
        return cast("Ended", record.read(self.directory / record.ENDED))

    def tell(self, *words: str) -> None:
        """Gives a command, as the runner does; one that has gone meanwhile hears nothing."""
        try:
            control = os.open(self.directory / record.CONTROL, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        try:
            os.write(control, " ".join(words).encode() + b"\n")
        except BrokenPipeError:
            return
        finally:
            os.close(control)

    def stdout(self) -> str:
        return (self.directory / "stdout").read_text()

    def says(self, word: str) -> None:
        self.started()
        eventually(lambda: word in self.stdout(), f"the run never said {word}")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=9)


def eventually(true: Callable[[], bool], otherwise: str, seconds: float = 8) -> None:
    """Returns once `true` is; fails with `otherwise` when that takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.005)


def mentioning(mark: str) -> list[int]:
    """Returns the pids of living processes whose arguments hold `mark`."""
    found = []
    for process in census.everyone():
        try:
            line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in line and process.pid != os.getpid() and process.state not in "ZX":
            found.append(process.pid)
    return found


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., Held]]:
    """Starts `argv` under a keeper whose patience suits a test."""
    held: list[Held] = []

    def start(*argv: str, prompt: bytes = b"", **changes: Any) -> Held:
        directory = tmp_path / f"run{len(held)}"
        directory.mkdir()
        order = Order(
            argv=argv,
            env={"PATH": os.environ["PATH"], "CANARY": "in the environment"},
            cwd=str(tmp_path),
            prompt=b2a_base64(prompt).decode(),
            stdout=str(directory / "stdout"),
            stderr=str(directory / "stderr"),
            max_capture_bytes=1 << 30,
            step_timeout=60.0,
            interrupt_grace=0.2,
            terminate_grace=0.2,
            linger_grace=0.1,
            orphan_limit=60.0,
            kept=time.monotonic(),
            sweep_limit=5.0,
        )
        held.append(Held(directory, cast("Order", {**order, **changes})))
        return held[-1]

    yield start
    for one in held:
        one.close()
