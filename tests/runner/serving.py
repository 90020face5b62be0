"""A real runner on a port of its own, and what a caller does with it."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from typing_extensions import override

from pawl.v1 import runner_pb2 as pb
from pawl.v1 import runner_pb2_grpc as rpc
from services.runner import app
from services.runner.holding import Patience
from services.runner.settings import Settings
from tests.support.repositories import git, sample_repository

ROOT = Path(__file__).resolve().parents[2]
SCRIPTED_AGENT = ROOT / "tests" / "support" / "scripted_agent.py"
JOB = "0190f1aa-0000-7000-8000-000000000001"
WORKSPACE = f"{JOB}/1"

Stub: TypeAlias = "rpc.RunnerServiceAsyncStub"
Call = Any  # the stubs of grpcio spell calls differently from what they are


class FastSettings(Settings):
    """Settings of a runner that loses patience as fast as a test does."""

    orphan_seconds: float = 60
    grace_seconds: float = 0.3

    @property
    @override
    def patience(self) -> Patience:
        grace = timedelta(seconds=self.grace_seconds)
        return Patience(
            interrupt=grace,
            terminate=grace,
            linger=grace,
            sweep=timedelta(seconds=5),
            orphan=timedelta(seconds=self.orphan_seconds),
        )

    @property
    @override
    def heartbeat(self) -> timedelta:
        return timedelta(seconds=min(0.5, self.orphan_seconds / 4))


@asynccontextmanager
async def serving(data_dir: Path, **changes: Any) -> AsyncIterator[Stub]:
    """A runner in this process whose `codex` is the scripted agent."""
    settings = FastSettings(
        listen="127.0.0.1:0", data_dir=data_dir, codex_binary=SCRIPTED_AGENT, **changes
    )
    async with (
        app.running(settings) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield rpc.RunnerServiceStub(channel)


class RunnerProcess:
    """A runner in a process of its own, which can be killed."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self._data_dir = data_dir
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Stub]:
        """Starts it for the length of the block, unless it is killed before."""
        address_file = self._data_dir.parent / "address"
        address_file.unlink(missing_ok=True)
        self._start(address_file)
        try:
            await eventually(address_file.exists, "the runner does not serve", 20)
            async with grpc.aio.insecure_channel(address_file.read_text()) as channel:
                yield rpc.RunnerServiceStub(channel)
        finally:
            await self.kill(signal.SIGTERM)

    def _start(self, address_file: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.runner"],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "PAWL_LISTEN": "127.0.0.1:0",
                "PAWL_DATA_DIR": str(self._data_dir),
                "PAWL_ADDRESS_FILE": str(address_file),
                "PAWL_CODEX_BINARY": str(SCRIPTED_AGENT),
                "PAWL_LOG_LEVEL": "error",
                **self._environment,
            },
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends it a signal; returns once it has gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            await asyncio.to_thread(self._process.wait, 20)


async def eventually(true: Callable[[], object], otherwise: str, seconds: float = 8) -> None:
    """Returns once `true` is; fails with `otherwise` when that takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise
        await asyncio.sleep(0.01)


async def finished(stub: Stub) -> None:
    """Returns once the one run there is has ended."""
    async with asyncio.timeout(8):
        while True:
            listed = await stub.ListRuns(pb.ListRunsRequest())
            if all(run.finished for run in listed.runs):
                return
            await asyncio.sleep(0.02)


def request(*directives: str, **changes: Any) -> pb.RunRequest:
    """A request for a run that does what the directives say."""
    prompt = "".join(f"do: {directive}\n" for directive in directives) or "nothing to do\n"
    fields: dict[str, Any] = {
        "run_id": f"{JOB}/1/0",
        "epoch": 1,
        "workspace_id": WORKSPACE,
        "spec": spec(prompt),
    }
    return pb.RunRequest(**(fields | changes))


def spec(prompt: str, **changes: Any) -> pb.RunSpec:
    made = pb.RunSpec(
        runtime="codex", prompt=prompt, max_output_bytes=changes.get("max_output_bytes", 1 << 28)
    )
    made.step_timeout.FromTimedelta(timedelta(seconds=changes.get("step_timeout", 60)))
    made.silence.FromTimedelta(timedelta(seconds=changes.get("silence", 60)))
    return made


@dataclass
class Heard:
    """What one or more attachments told, put together by its offsets and checked on the way."""

    started: list[pb.RunStarted] = field(default_factory=list)
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    activities: list[Any] = field(default_factory=list)
    heartbeats: int = 0
    largest: int = 0
    finished: pb.RunFinished | None = None

    def take(self, message: pb.RunResponse) -> None:
        assert self.finished is None, "something was said after the end"
        self.largest = max(self.largest, message.ByteSize())
        match message.WhichOneof("kind"):
            case "started":
                self.started.append(message.started)
            case "output":
                output = message.output
                said = self.stdout if output.stream == 1 else self.stderr
                assert output.offset == len(said), "a gap or a repeat"
                said += output.data
            case "activity":
                assert message.activity.index == len(self.activities)
                self.activities.append(message.activity)
            case "heartbeat":
                self.heartbeats += 1
            case "finished":
                self.finished = message.finished

    def onwards(self, first: pb.RunRequest) -> pb.RunRequest:
        """The same request, from where this has come to."""
        again = pb.RunRequest()
        again.CopyFrom(first)
        again.stdout_offset, again.stderr_offset = len(self.stdout), len(self.stderr)
        again.activity_index = len(self.activities)
        return again

    @property
    def end(self) -> pb.RunFinished:
        assert self.finished is not None, "the run has not ended"
        return self.finished


async def follow(stub: Stub, asked: pb.RunRequest, heard: Heard | None = None) -> Heard:
    """Follows a run to its end, from where `heard` has come to if that is given."""
    if heard is not None:
        asked = heard.onwards(asked)
    heard = heard or Heard()
    async for message in stub.Run(asked):
        heard.take(message)
    return heard


async def follow_until(
    call: Call, heard: Heard, enough: Callable[[Heard], object], seconds: float = 8
) -> None:
    """Follows an open call until enough was heard."""
    async with asyncio.timeout(seconds):
        while not enough(heard):
            message = await call.read()
            assert message is not grpc.aio.EOF, "the stream ended too early"
            heard.take(message)


def open_request(repository: Path, **changes: Any) -> pb.WorkspaceOpen:
    head = git(repository, "rev-parse", "HEAD")
    fields: dict[str, Any] = {
        "workspace_id": WORKSPACE,
        "epoch": 1,
        "repository_key": "abc123",
        "base_commit": head,
        "files_commit": head,
        "working_branch": "task/one",
    }
    return pb.WorkspaceOpen(**(fields | changes))


async def prepare(
    stub: Stub,
    repository: Path,
    *,
    files: Iterable[pb.SkillFile] = (),
    announced: pb.WorkspaceDone | None = None,
    **changes: Any,
) -> Sequence[pb.PrepareWorkspaceResponse]:
    """Makes a workspace of the repository's HEAD, as an orchestrator would."""
    call: Call = stub.PrepareWorkspace()
    opening = open_request(repository, **changes)
    await call.write(pb.PrepareWorkspaceRequest(open=opening))
    have = await call.read()
    if have is grpc.aio.EOF:
        raise await refusal(call)
    known = set(have.have.commits)
    for file in files:
        await call.write(pb.PrepareWorkspaceRequest(skill_file=file))
    done = pb.WorkspaceDone()
    if not {opening.base_commit, opening.files_commit} <= known:
        pack = pack_of(repository, [opening.base_commit, opening.files_commit], known)
        for start in range(0, len(pack), 60_000):
            await call.write(pb.PrepareWorkspaceRequest(pack_data=pack[start : start + 60_000]))
        done = pb.WorkspaceDone(pack_size=len(pack), pack_sha256=hashlib.sha256(pack).hexdigest())
    await call.write(pb.PrepareWorkspaceRequest(done=announced or done))
    await call.done_writing()
    said = [have]
    while (message := await call.read()) is not grpc.aio.EOF:
        said.append(message)
    return said


def pack_of(repository: Path, wanted: Iterable[str], known: Iterable[str]) -> bytes:
    revisions = "".join(f"{line}\n" for line in (*wanted, *(f"^{each}" for each in known)))
    return subprocess.run(
        ["git", "-C", str(repository), "pack-objects", "--revs", "--stdout", "--thin", "-q"],
        input=revisions.encode(),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


async def refusal(call: Call) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        await call.code(),
        await call.initial_metadata(),
        await call.trailing_metadata(),
        details=await call.details(),
    )


def a_repository(path: Path) -> Path:
    return path if path.exists() else sample_repository(path)
