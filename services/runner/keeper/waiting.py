"""The keeper's one place to wait: for a child's end, for a word from the runner, for a moment."""

import os
import select
import signal
import time
from pathlib import Path
from types import FrameType

LONGEST_WAIT = 0.5
LONGEST_LINE = 4096

LEAVE = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Waiting:
    """Listens on the control FIFO and for signals; made once, in the main thread."""

    def __init__(self, control: Path) -> None:
        if not control.exists():
            os.mkfifo(control, 0o600)
        # Open for both, so that it never reports the end when the last writer leaves.
        self._control = os.open(control, os.O_RDWR | os.O_NONBLOCK)
        self._wakeup, waker = os.pipe()
        for end in (self._wakeup, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._noticed)
        for number in LEAVE:
            signal.signal(number, self._noticed)
        self._told_to_leave = False
        self._rest = b""
        self._poll = select.poll()
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)

    def wait(self, until: float) -> list[list[str]]:
        """Waits for whatever comes first, at most half a second; returns the words of commands.

        `until` is of the monotonic clock. A signal that asks the keeper to leave comes as the
        command ``stop keeper_signalled``: a keeper never leaves without its run.
        """
        patience = max(0.0, min(until - time.monotonic(), LONGEST_WAIT))
        ready = [descriptor for descriptor, _ in self._poll.poll(patience * 1000 + 1)]
        if self._wakeup in ready:
            os.read(self._wakeup, 4096)
        commands = []
        if self._told_to_leave:
            self._told_to_leave = False
            commands.append(["stop", "keeper_signalled"])
        if self._control in ready:
            *lines, rest = (self._rest + os.read(self._control, 65536)).split(b"\n")
            self._rest = rest[:LONGEST_LINE]
            commands += [line.decode("ascii", "replace").split() for line in lines]
        return [words for words in commands if words]

    def _noticed(self, number: int, frame: FrameType | None) -> None:
        if number in LEAVE:
            self._told_to_leave = True
