"""Runs git with nothing of the machine's, the user's or the agent's configuration."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pawl.left_locks import freed

LOCK_AGE = timedelta(seconds=10)
"""A runner's repositories have no other writer than itself: an older lock is nobody's."""
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.ignoreCase=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
)
_PIECE = 1 << 16


class GitFailed(Exception):
    """A git command ended badly; `words` is the end of what it said, at most 4 KiB."""

    def __init__(self, command: str, returncode: int, words: str) -> None:
        super().__init__(f"git {command} ended with {returncode}: {words}")
        self.command = command
        self.returncode = returncode
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """One repository as git is to see it.

    Only `directory` says what repository it is: nothing is discovered from a
    current directory, so a planted `.git` is never found.
    """

    directory: Path
    work_tree: Path | None = None
    index: Path | None = None
    objects: Path | None = None
    """Where objects are written and looked for first; None for the repository's own."""
    alternates: Sequence[Path] = field(default=())
    timeout: timedelta = timedelta(seconds=120)

    async def run(
        self,
        *arguments: str | bytes,
        data: bytes = b"",
        stdin: Path | None = None,
        stdout: Path | None = None,
        max_output: int = 256 << 20,
    ) -> bytes:
        """Returns what the command printed, or b"" where `stdout` names a file for it.

        Raises GitFailed for every exit but 0, for more than `max_output` bytes
        and when `timeout` has passed; no process is left in any case.
        """
        try:
            return await self._run(arguments, data, stdin, stdout, max_output)
        except GitFailed as failed:
            within = [self.directory, *([self.index.parent] if self.index else [])]
            if not await freed(failed.words, within=within, age=LOCK_AGE):
                raise
        return await self._run(arguments, data, stdin, stdout, max_output)

    async def _run(
        self,
        arguments: Sequence[str | bytes],
        data: bytes,
        stdin: Path | None,
        stdout: Path | None,
        max_output: int,
    ) -> bytes:
        command = os.fsdecode(arguments[0])
        with ExitStack() as files:
            reader = PIPE if stdout is None else files.enter_context(stdout.open("wb"))
            writer = files.enter_context(stdin.open("rb")) if stdin else (PIPE if data else DEVNULL)
            child = await asyncio.create_subprocess_exec(
                *self._argv(arguments),
                cwd=self.work_tree or "/",
                env=self._environment(),
                stdin=writer,
                stdout=reader,
                stderr=PIPE,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(self.timeout.total_seconds()), asyncio.TaskGroup() as group:
                group.create_task(_feed(child, data))
                printed = group.create_task(_collect(child.stdout, max_output))
                said = group.create_task(_tail(child.stderr))
            await child.wait()
        except TimeoutError:
            raise GitFailed(command, -1, f"no end after {self.timeout}") from None
        finally:
            await _end(child)
        output = printed.result()
        if output is None:
            raise GitFailed(command, -1, f"more than {max_output} bytes of output")
        if child.returncode:
            words = said.result().decode("utf-8", "replace").strip()
            raise GitFailed(command, child.returncode, words)
        return output

    def _argv(self, arguments: Sequence[str | bytes]) -> list[str | bytes]:
        git = shutil.which("git", path=_PATH) or "git"
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        return [git, *settings, *arguments]

    def _environment(self) -> dict[str, str]:
        environment = {
            "PATH": _PATH,
            "LC_ALL": "C",
            "GIT_DIR": str(self.directory),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
        }
        if self.work_tree:
            environment["GIT_WORK_TREE"] = str(self.work_tree)
        if self.index:
            environment["GIT_INDEX_FILE"] = str(self.index)
        if self.objects:
            environment["GIT_OBJECT_DIRECTORY"] = str(self.objects)
        if self.alternates:
            environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(map(str, self.alternates))
        return environment


_PATH = "/usr/local/bin:/usr/bin:/bin"


async def _feed(child: Process, data: bytes) -> None:
    if child.stdin is None:
        return
    # A command that has failed already no longer reads; its exit tells why.
    with suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(data), _PIECE):
            child.stdin.write(data[start : start + _PIECE])
            await child.stdin.drain()
    child.stdin.close()


async def _collect(stream: asyncio.StreamReader | None, limit: int) -> bytes | None:
    if stream is None:
        return b""
    pieces: list[bytes] = []
    size = 0
    while piece := await stream.read(_PIECE):
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
        else:
            pieces.clear()  # read on, so that the command can end
    return None if size > limit else b"".join(pieces)


async def _tail(stream: asyncio.StreamReader | None, limit: int = 4096) -> bytes:
    tail = b""
    while stream and (piece := await stream.read(_PIECE)):
        tail = (tail + piece)[-limit:]
    return tail


async def _end(child: Process) -> None:
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
    # A pipe is given back at its end, not before; git leaves nobody behind to hold one.
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            for stream in (child.stdout, child.stderr):
                while stream is not None and await stream.read(1 << 16):
                    pass
