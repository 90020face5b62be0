"""Runs all services by `pawl up` on free ports for a journey.

    with running_stack(tmp_path) as stack:
        remote = bare_repository(tmp_path / "remote.git", {"hello.txt": "hello\n"})
        job_id = stack.submit(task(remote, "do: write new.txt new\\n"))
        job = stack.wait(job_id)
        assert job["state"] == "JOB_STATE_SUCCEEDED"

The agent is the scripted one in the place of the `codex` binary, at once and able to play foul;
or, with ``agent="real"``, a pinned CLI whose model is scripted. Steps are written in the language
of README.md beside this file either way.
"""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from pawl.v1 import orchestrator_pb2_grpc as rpc
from tests.support import SCRIPTED_AGENT, clis
from tests.support.demo import MODELS, POINTERS
from tests.support.model_api import ModelApi, serving_model_api

BIN = Path(sys.executable).parent
START_SECONDS = 60.0
CALL_SECONDS = 30.0
LEAVE_SECONDS = 60.0
SETTLE_SECONDS = 45.0
"""What jobs that a test leaves behind get to stop, so that no agent outlives the stack."""

TERMINAL = frozenset(
    {
        job_pb2.JOB_STATE_SUCCEEDED,
        job_pb2.JOB_STATE_FAILED,
        job_pb2.JOB_STATE_CANCELLED,
        job_pb2.JOB_STATE_DEAD_LETTER,
    }
)


class StackFailed(Exception):
    """The services did not start, or a job did not end in time; the message says what was seen."""


@dataclass(frozen=True)
class Stack:
    """The services while they run. Documents are proto3 JSON, but 64-bit numbers are numbers."""

    target: str
    """The orchestrator, ``host:port``."""
    contract_target: str
    runner_target: str
    dashboard: str
    """Where its pages are, ``http://HOST:PORT/``."""
    environment: dict[str, str]
    """What the stack was started with, PAWL_TARGET and PAWL_CONTRACT_TARGET added."""
    data_dir: Path
    up: "subprocess.Popen[str]"
    """The `pawl up` process itself."""
    api: ModelApi | None
    """The scripted model that real CLIs speak with; None for the scripted agent."""
    _stub: rpc.OrchestratorServiceStub = field(repr=False)

    def pids(self) -> dict[str, int]:
        """The process of each service by name, as of now: `pawl up` replaces those that die."""
        folder = self.data_dir / "services"
        return {path.stem: int(path.read_text()) for path in folder.glob("*.pid")}

    def pawl(self, *arguments: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """Runs a `pawl` command to its end, whatever its exit code."""
        return subprocess.run(
            [BIN / "pawl", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def submit(self, payload: Mapping[str, Any], **fields: Any) -> str:
        """Stores a task; `fields` are the others of SubmitTaskRequest. The job's id.

        Services that are away for a while, since a test killed them, are asked again.
        """
        request = pb.SubmitTaskRequest(**{"request_id": uuid4().hex} | fields)
        request.payload.update(payload)
        give_up = time.monotonic() + CALL_SECONDS
        while time.monotonic() < give_up:
            with _patient():
                return self._stub.SubmitTask(request, timeout=CALL_SECONDS).job.job_id
            time.sleep(0.05)
        raise StackFailed(f"no task could be submitted within {CALL_SECONDS:g} s")

    def cancel(self, job_id: str) -> None:
        """Asks a job to stop, for nothing needs it any more."""
        request = pb.CancelJobRequest(job_id=job_id, reason="the test is over")
        self._stub.CancelJob(request, timeout=CALL_SECONDS)

    def job(self, job_id: str) -> dict[str, Any]:
        """One job as it is now, with its plan."""
        return _document(self._job(job_id))

    def wait(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """The job once it has ended. Raises StackFailed with its events when it has not in time.

        An orchestrator that is away for a while, since a test killed it, is asked again.
        """
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            with _patient():
                job = self._job(job_id)
                if job.state in TERMINAL:
                    return _document(job)
            time.sleep(0.05)
        raise StackFailed(f"{job_id} did not end within {seconds:g} s: {self._story(job_id)}")

    def wait_for_event(
        self, job_id: str, kind: str, *, step_index: int | None = None, seconds: float = 60
    ) -> dict[str, Any]:
        """The first event of a type, and of a step where one is named, once it is there."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            with _patient():
                for event in self.events(job_id):
                    if event["type"] == kind and step_index in {None, event.get("stepIndex")}:
                        return event
            time.sleep(0.05)
        raise StackFailed(f"{job_id} had no {kind} in {seconds:g} s: {self._story(job_id)}")

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """Every event that is stored by now, in order."""
        newest = self._job(job_id).last_sequence
        found: list[dict[str, Any]] = []
        watch = self._stub.WatchJob(pb.WatchJobRequest(job_id=job_id), timeout=CALL_SECONDS)
        for message in watch:
            if message.HasField("event"):
                found.append(_document(message.event))
                if message.event.sequence >= newest:
                    break
        watch.cancel()
        return found

    def watch(self, job_id: str, *, after: int = 0) -> Iterator[dict[str, Any]]:
        """Events behind one, as they come, to the job's end. Raises grpc.RpcError when cut off."""
        for message in self._stub.WatchJob(pb.WatchJobRequest(job_id=job_id, after_sequence=after)):
            if message.HasField("event"):
                yield _document(message.event)

    def artifacts(self, job_id: str) -> dict[str, dict[str, Any]]:
        """What is listed, by path."""
        answer = self._stub.ListArtifacts(
            pb.ListArtifactsRequest(job_id=job_id), timeout=CALL_SECONDS
        )
        return {artifact.path: _document(artifact) for artifact in answer.artifacts}

    def artifact(self, job_id: str, path: str) -> bytes:
        """All bytes of one artifact."""
        request = pb.ReadArtifactRequest(job_id=job_id, path=path)
        pieces = self._stub.ReadArtifact(request, timeout=CALL_SECONDS)
        return b"".join(piece.data for piece in pieces)

    @property
    def dashboard_link(self) -> str:
        """What logs a browser in."""
        token = (self.data_dir / "dashboard" / "token").read_text().strip()
        return f"{self.dashboard}login#{token}"

    def log(self, service: str) -> str:
        """What a service has logged so far."""
        return (self.data_dir / "logs" / f"{service}.log").read_text(errors="replace")

    def _job(self, job_id: str) -> job_pb2.Job:
        return self._stub.GetJob(pb.GetJobRequest(job_id=job_id), timeout=CALL_SECONDS).job

    def _story(self, job_id: str) -> str:
        """The last events, for the message of a failure."""
        try:
            events = self.events(job_id)[-8:]
        except grpc.RpcError as error:
            return f"and the orchestrator does not answer ({_said(error)})"
        return "; ".join(f"{event['type']}: {event['message']}" for event in events)

    def settle(self) -> None:
        """Cancels every job that has not ended and waits until it has."""
        open_states = (job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING)
        listing = pb.ListJobsRequest(states=open_states, page_size=500)
        give_up = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < give_up and self.up.poll() is None:
            with _patient():
                jobs = self._stub.ListJobs(listing, timeout=5).jobs
                if not jobs:
                    return
                for job in jobs:
                    if not job.HasField("cancel_requested"):
                        self.cancel(job.job_id)
            time.sleep(0.1)


@contextlib.contextmanager
def running_stack(
    tmp_path: Path,
    runtime: str | Sequence[str] = "codex",
    agent: Literal["scripted", "real"] = "scripted",
    *,
    think_seconds: float = 0.0,
    **env: str,
) -> Iterator[Stack]:
    """`pawl up` for the length of the block, on free ports, its data in ``tmp_path/data``.

    `runtime` names the real CLIs that are there, one or several. The environment is made from
    nothing; `env` adds to it, such as ``PAWL_SLOTS="1"``. The home is ``tmp_path/home``. At the
    end all jobs that still run are cancelled.
    """
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
    }
    with contextlib.ExitStack() as scope:
        api: ModelApi | None = None
        if agent == "real":
            api = scope.enter_context(serving_model_api(think_seconds=think_seconds))
            for name in [runtime] if isinstance(runtime, str) else runtime:
                url, key, suffix = POINTERS[name]
                environment |= {
                    url: api.url + suffix,
                    key: "made-up-key",
                    f"PAWL_{name.upper()}_BINARY": str(clis.binary(name)),
                }
        else:
            environment |= {
                "PAWL_CODEX_BINARY": str(SCRIPTED_AGENT),
                "OPENAI_API_KEY": "made-up-key",
            }
        environment |= env
        data_dir = tmp_path / "data"
        up, addresses = scope.enter_context(_up(data_dir, tmp_path / "up.stderr", environment))
        channel = scope.enter_context(grpc.insecure_channel(addresses["orchestrator"]))
        stack = Stack(
            target=addresses["orchestrator"],
            contract_target=addresses["contract"],
            runner_target=addresses["runner"],
            dashboard=addresses["dashboard"],
            environment=environment
            | {
                "PAWL_TARGET": addresses["orchestrator"],
                "PAWL_CONTRACT_TARGET": addresses["contract"],
            },
            data_dir=data_dir,
            up=up,
            api=api,
            _stub=rpc.OrchestratorServiceStub(channel),
        )
        scope.callback(stack.settle)
        yield stack


@contextlib.contextmanager
def _up(
    data_dir: Path, stderr: Path, environment: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    ports = [f"--{name}-port=0" for name in ("contract", "orchestrator", "runner", "dashboard")]
    with stderr.open("ab") as said:
        up = subprocess.Popen(
            [BIN / "pawl", "up", "--data-dir", data_dir, *ports],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            # A test may kill it, and Ctrl-C in a terminal should reach pytest alone.
            start_new_session=True,
        )
    with up:
        try:
            yield up, _addresses(up, stderr)
        finally:
            up.terminate()
            try:
                up.wait(timeout=LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                up.kill()


def _addresses(up: "subprocess.Popen[str]", stderr: Path) -> dict[str, str]:
    """The addresses out of the one line that `pawl up` prints once all serve."""
    assert up.stdout is not None
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and up.poll() is None:
        if select.select([up.stdout], [], [], 0.2)[0]:
            line = up.stdout.readline()
            if line.startswith("pawl is up: "):
                words = line.removeprefix("pawl is up: ").split()
                return dict(word.split("=", 1) for word in words)
    raise StackFailed(f"the services did not start: {stderr.read_text(errors='replace')[-4000:]}")


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """Lets a call fail as it does while the orchestrator is down or is starting again."""
    try:
        yield
    except grpc.RpcError as error:
        if _code(error) not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
            raise


def _code(error: grpc.RpcError) -> grpc.StatusCode | None:
    return error.code() if isinstance(error, grpc.Call) else None


def _said(error: grpc.RpcError) -> str:
    return str(error.details()) if isinstance(error, grpc.Call) else str(error)


def _document(message: Message) -> dict[str, Any]:
    document: dict[str, Any] = json_format.MessageToDict(
        message, always_print_fields_with_no_presence=True
    )
    for name in ("sequence", "lastSequence", "epoch", "sizeBytes"):
        if name in document:
            document[name] = int(document[name])
    return document


def task(
    repository: Path | str,
    *scripts: str,
    runtime: str = "codex",
    publish: str = "branch",
    **fields: Any,
) -> dict[str, Any]:
    """A payload with one step per script; `fields` are further ones of `task`, such as ``git``."""
    return {
        "repository": str(repository),
        "task": {
            "instructions": "Do as the script says.",
            "runtime": {"mode": runtime, "model": MODELS[runtime]},
            "steps": [{"instructions": script} for script in scripts],
            "publish": {"mode": publish},
            **fields,
        },
    }


def until(happened: Callable[[], object], seconds: float = 30) -> None:
    """Waits for what comes in its own time."""
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.02)


def bare_repository(path: Path, files: Mapping[str, str]) -> Path:
    """A bare repository at `path` whose branch ``main`` has one commit with `files`."""
    work = path.with_name(f"{path.name}.work")
    work.mkdir(parents=True)
    for name, text in files.items():
        file = work / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "Begin")
    git(work, "clone", "--quiet", "--bare", str(work), str(path))
    return path


def git(repository: Path, *arguments: str) -> str:
    """What a git command prints, without the caller's configuration."""
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Test"), ("EMAIL", "test@example.invalid"))
    }
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            **identity,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()
