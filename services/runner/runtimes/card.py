"""Finds out whether a runtime's CLI can be run here."""

import asyncio
import math
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.runner.runtimes.environment import cli_environment
from services.runner.runtimes.runtime import Place, Runtime
from services.runner.runtimes.visible import visible_bytes

_PATIENCE = timedelta(seconds=8)
"""Less than callers wait for an answer about the runner; the slowest CLI takes three under load."""
_SECOND_LOOK = timedelta(seconds=2)
"""Twice as long after each failure in a row: a machine that is busy at the start is soon less so,
and until then every job for the CLI would wait."""
_LONGEST_WAIT = timedelta(seconds=60)
_MOST_BYTES = 64 * 1024
_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a runner says about one runtime."""

    name: str
    available: bool
    version: str
    """As the CLI tells it; empty where it is not available."""
    reason: str
    """Why it is not available and what to do about it; empty where it is."""


@dataclass(frozen=True, slots=True)
class _Known:
    mark: "_Mark"
    card: Card
    until: float
    """When the CLI is to be asked again, by the clock."""
    failures: int
    """In a row."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What changes when a binary does."""

    path: str
    changed_ns: int
    size_bytes: int


class Cards:
    """Probes runtimes, each binary once until it changes."""

    def __init__(
        self,
        patience: timedelta = _PATIENCE,
        *,
        directory: Path | None = None,
        second_look: timedelta = _SECOND_LOOK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._directory = directory
        """Where CLIs that are asked have their home for the moment; the system's own if None."""
        self._second_look = second_look.total_seconds()
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def probe(self, runtime: Runtime) -> Card:
        """The card of `runtime`, by running its CLI's `--version` where that is not known yet.

        A CLI that was not available is asked again after a while: what it lacked may have come.
        """
        try:
            program = runtime.program()
            status = program.stat()
        except OSError as missing:
            return Card(name=runtime.name, available=False, version="", reason=str(missing))
        mark = _Mark(str(program.resolve()), status.st_mtime_ns, status.st_size)
        known = self._known.get(runtime.name)
        if known is not None and known.mark != mark:
            known = None
        if known is not None and known.until > self._clock():
            return known.card
        card = await self._asked(runtime, program)
        failures = 0 if card.available else 1 + (known.failures if known is not None else 0)
        self._known[runtime.name] = _Known(mark, card, self._until(failures), failures)
        return card

    def _until(self, failures: int) -> float:
        if not failures:
            return math.inf
        # One that hangs costs its whole patience: not at every question about the runner.
        wait = self._second_look * 2.0 ** min(failures - 1, 16)
        return self._clock() + min(wait, _LONGEST_WAIT.total_seconds())

    async def _asked(self, runtime: Runtime, program: Path) -> Card:
        try:
            said, code = await _version(program, runtime, self._patience, self._directory)
        except TimeoutError:
            seconds = self._patience.total_seconds()
            return _lame(runtime, program, f"did not answer --version within {seconds:g} seconds")
        except OSError as refused:
            return _lame(runtime, program, f"cannot be executed ({refused.strerror})")
        match = _VERSION.search(said)
        if code != 0 or match is None:
            shown = said.strip()[:200] or "nothing"
            return _lame(
                runtime, program, f"answered --version with {shown!r} and exit code {code}"
            )
        return Card(name=runtime.name, available=True, version=match[0], reason="")


def _lame(runtime: Runtime, program: Path, what: str) -> Card:
    setting = f"PAWL_{runtime.name.upper()}_BINARY"
    reason = f"{program} {what}: install the CLI again, or set {setting} to one that works"
    return Card(name=runtime.name, available=False, version="", reason=reason)


async def _version(
    program: Path, runtime: Runtime, patience: timedelta, directory: Path | None
) -> tuple[str, int | None]:
    """What `--version` says, and its exit code. Raises TimeoutError and OSError."""
    with tempfile.TemporaryDirectory(
        prefix="pawl-card-", dir=directory, ignore_cleanup_errors=True
    ) as folder:
        home = Path(folder)
        place = Place(repo=home, home=home, tmp=home, state=home, run=home)
        path = runtime.settings.environment.get("PATH")
        env = cli_environment({"PATH": path} if path else {}, place)
        child = await asyncio.create_subprocess_exec(
            program,
            "--version",
            cwd=home,
            env={**env, "GEMINI_CLI_NO_RELAUNCH": "1", "DISABLE_AUTOUPDATER": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(patience.total_seconds()):
                return await _answer(child), child.returncode
        finally:
            # The group, even after the leader has left: what it started may hold the pipe.
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            await child.wait()
            await _drained(child)


async def _drained(child: asyncio.subprocess.Process) -> None:
    """Reads what nobody has read, for a moment: a pipe is given back at its end, not before."""
    try:
        async with asyncio.timeout(1):
            while child.stdout is not None and await child.stdout.read(_MOST_BYTES):
                pass
    except TimeoutError:
        pass  # something that left the group holds it


async def _answer(child: asyncio.subprocess.Process) -> str:
    if child.stdout is None:
        raise AssertionError("the child was started with a pipe")
    said = b""
    while len(said) < _MOST_BYTES and (chunk := await child.stdout.read(4096)):
        said += chunk
    if len(said) < _MOST_BYTES:
        await child.wait()
    return visible_bytes(said)
