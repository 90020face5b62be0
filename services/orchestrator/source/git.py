"""Git as a child process with an environment from zero."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

from pawl.left_locks import freed
from services.orchestrator.jobs.failures import Reason, failed

OBJECT_ID = re.compile(r"[0-9a-f]{40}")
STDERR_BYTES = 8 * 1024
READ_BYTES = 64 * 1024
PIPES_SECONDS = 1.0
USERINFO = re.compile(r"(?<=://)[^/@\s'\"]*@")
FULL = ("No space left on device", "Disk quota exceeded")

CONFIGURATION: Mapping[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    # The default leaves loose objects and refs to the page cache; a checkpoint that was
    # acknowledged must survive a power cut.
    "core.fsync": "all",
    "core.packedGitWindowSize": "32m",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "credential.helper": "",
    "protocol.allow": "never",
    "transfer.bundleURI": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    # Small fetches become loose objects otherwise, many files to sync where one would do.
    "fetch.unpackLimit": "1",
    "safe.bareRepository": "explicit",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a git process left behind."""

    code: int
    stdout: bytes
    stderr: str
    """Bounded, control characters made visible, credentials masked."""


class GitFailed(Exception):
    """Git ended with an exit code nobody expected; the text is fit for a log."""

    def __init__(self, command: str, completed: Completed) -> None:
        super().__init__(f"git {command} ended with {completed.code}: {completed.stderr}")
        self.completed = completed


class GitTimedOut(Exception):
    """Git was ended because it took longer than it may."""


class GitSaidTooMuch(Exception):
    """Git was ended because it printed more than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """How git is started: by argv, with nothing of this process's environment."""

    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    network: Mapping[str, str] = field(default_factory=dict)
    """What the operator sets for the network: HTTPS_PROXY, NO_PROXY, GIT_SSL_CAINFO."""
    lock_age: timedelta = timedelta(seconds=30)
    """Far longer than git holds a lock, also in another orchestrator's hands on a slow disk."""

    async def run(
        self,
        *arguments: str,
        git_dir: Path,
        environment: Mapping[str, str] | None = None,
        configuration: Mapping[str, str] | None = None,
        stdin: bytes | Path = b"",
        stdout: Path | None = None,
        accept: Sequence[int] = (0,),
        timeout: timedelta = timedelta(seconds=120),
        limit_bytes: int = 64 * 1024 * 1024,
        prefix: Sequence[str] = (),
        secrets: Sequence[str] = (),
        begun: Callable[[], None] = lambda: None,
    ) -> Completed:
        """Runs one git command to its end.

        `stdout` names a file to write to, in which case `Completed.stdout` is empty; otherwise
        `limit_bytes` bounds it. `prefix` is put before the argv, to set limits. `begun` is called
        once git has started.
        Raises `GitFailed` on an exit code outside `accept`, `GitTimedOut`, `GitSaidTooMuch`, and
        `JobFailed` with STORAGE_FULL when the disk is full.
        """
        env = self.environment(git_dir, environment or {}, configuration or {})
        again = True
        while True:
            try:
                completed = await _once(
                    [*prefix, "git", *arguments],
                    env,
                    stdin=stdin,
                    stdout=stdout,
                    timeout=timeout,
                    limit_bytes=limit_bytes,
                    secrets=secrets,
                    begun=begun,
                )
            except TimeoutError:
                raise GitTimedOut(
                    f"git {arguments[0]} took longer than {timeout.total_seconds():g} s"
                ) from None
            if completed.code in accept:
                return completed
            if disk_is_full(completed.stderr):
                raise storage_full()
            if not again or not await freed(completed.stderr, within=[git_dir], age=self.lock_age):
                raise GitFailed(arguments[0], completed)
            again = False

    def environment(
        self, git_dir: Path, environment: Mapping[str, str], configuration: Mapping[str, str]
    ) -> dict[str, str]:
        """The whole environment of a git process.

        Configuration travels here too rather than as ``-c`` in the argv, which everybody on
        the host can read.
        """
        settings = {**CONFIGURATION, **configuration}
        numbered: dict[str, str] = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            numbered[f"GIT_CONFIG_KEY_{number}"] = key
            numbered[f"GIT_CONFIG_VALUE_{number}"] = value
        return {
            "PATH": self.path,
            "LC_ALL": "C",
            # Without one, curl looks up the user's and sends what its .netrc has for the host.
            "HOME": "/dev/null",
            "GIT_DIR": str(git_dir),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_NO_REPLACE_OBJECTS": "1",
            **numbered,
            **environment,
        }


async def _once(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: bytes | Path,
    stdout: Path | None,
    timeout: timedelta,
    limit_bytes: int,
    secrets: Sequence[str],
    begun: Callable[[], None],
) -> Completed:
    fed = stdin if isinstance(stdin, bytes) else b""
    with (
        _opened(stdin if isinstance(stdin, Path) else None, "rb") as source,
        _opened(stdout, "wb") as sink,
    ):
        async with (
            asyncio.timeout(timeout.total_seconds()),
            started(
                argv,
                env,
                stdin=source or (asyncio.subprocess.PIPE if fed else None),
                stdout=sink or asyncio.subprocess.PIPE,
            ) as process,
        ):
            begun()
            said, complaint = await _converse(process, fed, limit_bytes)
            code = await process.wait()
    return Completed(code=code, stdout=said, stderr=readable(complaint, secrets))


@asynccontextmanager
async def started(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: IO[bytes] | int | None,
    stdout: IO[bytes] | int,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child in a session of its own, dead with what it started at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        cwd="/",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended, and its end is about to be noticed
            await process.wait()
        await _drain(process)


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Reads what nobody has read, for a moment: a pipe is given back at its end, not before."""
    try:
        async with asyncio.timeout(PIPES_SECONDS):
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(READ_BYTES):
                    pass
    except TimeoutError:
        pass  # something that left the session holds them; the loop gives them back with its end


def readable(raw: bytes, secrets: Sequence[str] = ()) -> str:
    """Git's words, fit for logs and people: bounded, masked, controls made visible."""
    text = raw.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, "*" * len(secret))
    text = USERINFO.sub("", text).replace("\r", "\n")
    seen = (c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
    return "".join(seen).strip()


def disk_is_full(stderr: str) -> bool:
    """Whether git complains of this host's disk, not of the remote's."""
    ours = [line for line in stderr.splitlines() if not line.startswith("remote:")]
    return any(sign in line for line in ours for sign in FULL)


def storage_full() -> Exception:
    """What to raise when the orchestrator's disk is full."""
    return failed(
        Reason.STORAGE_FULL,
        "The orchestrator's disk is full.",
        "Free space below PAWL_DATA_DIR, then retry the job.",
    )


async def _converse(
    process: asyncio.subprocess.Process, fed: bytes, limit_bytes: int
) -> tuple[bytes, bytes]:
    """Feeds and drains all pipes at once, so that none can block another."""
    assert process.stderr  # noqa: S101 - narrows the type
    said, complaint = bytearray(), bytearray()
    overflowed = False

    async def feed() -> None:
        if process.stdin:
            try:
                process.stdin.write(fed)
                await process.stdin.drain()
                process.stdin.close()
                await process.stdin.wait_closed()
            except (BrokenPipeError, ConnectionResetError):
                pass  # it stopped reading; its exit code tells why

    async def listen(stream: asyncio.StreamReader) -> None:
        nonlocal overflowed
        while chunk := await stream.read(READ_BYTES):
            if len(said) + len(chunk) > limit_bytes:
                overflowed = True
                os.killpg(process.pid, signal.SIGKILL)
                return
            said.extend(chunk)

    async def overhear(stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(READ_BYTES):
            complaint.extend(chunk)
            if len(complaint) > 2 * STDERR_BYTES:
                # The first words and the last ones tell the cause; what is between is noise.
                complaint[STDERR_BYTES // 2 : -STDERR_BYTES // 2] = b"\n[...]\n"

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(feed())
        tasks.create_task(overhear(process.stderr))
        if process.stdout:
            tasks.create_task(listen(process.stdout))
    if overflowed:
        raise GitSaidTooMuch(f"git printed more than {limit_bytes} bytes")
    return bytes(said), bytes(complaint)


@contextmanager
def _opened(path: Path | None, mode: str) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    with path.open(mode) as file:
        yield file
