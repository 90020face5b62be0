"""The Compose stack of one journey, apart from any other stack on the machine."""

import base64
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
FILES = (ROOT / "compose.yaml", Path(__file__).with_name("compose.test.yaml"))
PROJECT = "pawl-journey"
GRPCURL = str(Path(sys.executable).with_name("grpcurl"))
API = "pawl.v1.OrchestratorService"
BUILT = ("contract", "orchestrator", "runner", "dashboard")
BUILD_SECONDS = 1800
UP_SECONDS = 240
CALL_SECONDS = 30

# What reaches Compose of this process's environment: nothing of it may reach a container.
PASSED = ("PATH", "HOME", "PAWL_EXTRA_CA_FILE")

Json = Mapping[str, Any]


class Missing(Exception):
    """The journey cannot begin; the message says what to install or start."""


class Refused(Exception):
    """A command ended badly; the message is what it said."""


def require() -> None:
    """Raises Missing unless an engine, Compose and grpcurl answer."""
    for argv, remedy in (
        (["docker", "info"], "no container engine answers `docker info`: install or start one"),
        (
            ["docker", "compose", "version"],
            "`docker compose version` fails: install Docker Compose v2",
        ),
        ([GRPCURL, "--version"], f"{GRPCURL} is missing: run `make setup`"),
    ):
        try:
            run(argv, seconds=CALL_SECONDS)
        except (Refused, FileNotFoundError) as problem:
            raise Missing(remedy) from problem


def run(argv: list[str], *, seconds: float, env: Mapping[str, str] | None = None) -> str:
    """Returns what a command printed. Raises Refused with its last words when it fails."""
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as problem:
        raise Refused(f"{' '.join(argv[:6])} … took longer than {seconds:g} s") from problem
    if done.returncode != 0:
        words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise Refused(f"{' '.join(argv[:6])} … ended with {done.returncode}:\n{words}")
    return done.stdout


def _free_port() -> int:
    """One below those that are given to whoever asks for any: it is used minutes later."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Stack:
    """Compose's commands upon the project, and grpcurl's upon its orchestrator."""

    repositories: Path
    token_file: Path
    port: int = field(default_factory=_free_port)
    pages_port: int = field(default_factory=_free_port)

    @property
    def target(self) -> str:
        """Where the orchestrator is published."""
        return f"127.0.0.1:{self.port}"

    @property
    def pages(self) -> str:
        """Where the dashboard is."""
        return f"127.0.0.1:{self.pages_port}"

    def compose(self, *arguments: str, seconds: float = CALL_SECONDS) -> str:
        """Runs ``docker compose`` without the operator's own `.env` and keys."""
        # An empty env file keeps Compose from reading the `.env` beside compose.yaml.
        argv = ["docker", "compose", "--project-name", PROJECT, "--env-file", os.devnull]
        for file in FILES:
            argv += ["--file", str(file)]
        return run([*argv, *arguments], seconds=seconds, env=self._environment())

    def build(self) -> None:
        """Builds the images."""
        self.compose("build", *BUILT, seconds=BUILD_SECONDS)

    def up(self) -> None:
        """Starts everything and waits until all of it is healthy."""
        self.compose("up", "--no-build", "--detach", "--wait", seconds=UP_SECONDS)

    def inspect(self, service: str) -> Any:
        """The engine's record of a service's one container."""
        container = self.compose("ps", "--all", "--quiet", service).strip()
        return json.loads(run(["docker", "inspect", container], seconds=CALL_SECONDS))[0]

    def inside(self, service: str, *argv: str) -> str:
        """Runs a command in a service's container."""
        return self.compose("exec", "-T", service, *argv)

    def kill(self, service: str) -> int:
        """Sends SIGKILL to a container's first process from the engine's machine; gives its pid.

        That is a crash as the restart policy knows it: `docker kill` counts as a stop, and a
        container's first process cannot be killed from inside. The engine's machine is this one
        only where there is no virtual machine between, so a container sends the signal.
        """
        pid = int(self.inspect(service)["State"]["Pid"])
        code = f"import os; os.kill({pid}, 9)"
        argv = ["docker", "run", "--rm", "--pid", "host", "--network", "none", "--user", "0"]
        argv += ["--cap-drop", "ALL", "--cap-add", "KILL", "pawl-contract", "python", "-c", code]
        run(argv, seconds=CALL_SECONDS)
        return pid

    def call(self, method: str, request: Json) -> Any:
        """One unary call by grpcurl."""
        return json.loads(run(self._grpcurl(method, request, CALL_SECONDS), seconds=60))

    def stream(self, method: str, request: Json, *, seconds: int) -> Iterator[Any]:
        """The messages of a streaming call, as they come; ends with the stream or the time."""
        argv = self._grpcurl(method, request, seconds)
        decoder = json.JSONDecoder()
        text = ""
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    text += line.decode()
                    # Each message is indented, so its closing brace alone begins a line.
                    if line.rstrip() == b"}":
                        yield decoder.decode(text)
                        text = ""
            finally:
                process.terminate()

    def artifact(self, job_id: str, path: str) -> bytes:
        """An artifact's bytes."""
        request = {"jobId": job_id, "path": path}
        return b"".join(
            base64.b64decode(part.get("data", ""))
            for part in self.stream("ReadArtifact", request, seconds=CALL_SECONDS)
        )

    def _grpcurl(self, method: str, request: Json, seconds: int) -> list[str]:
        argv = [GRPCURL, "-plaintext", "-max-time", str(seconds), "-d", json.dumps(request)]
        # By reflection grpcurl would spell the answers' fields as the protos do.
        argv += ["-import-path", str(ROOT / "protos"), "-proto", "pawl/v1/orchestrator.proto"]
        return [*argv, self.target, f"{API}/{method}"]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in PASSED}
        kept |= {n: v for n, v in os.environ.items() if n.startswith(("DOCKER_", "BUILDKIT_"))}
        return kept | {
            "PAWL_ORCHESTRATOR_PORT": str(self.port),
            "PAWL_DASHBOARD_PORT": str(self.pages_port),
            "PAWL_GITHUB_TOKEN_FILE": str(self.token_file),
            "OPENAI_API_KEY": "sk-made-up-for-the-journey",
            "JOURNEY_REPOSITORIES": str(self.repositories),
            "JOURNEY_USER": f"{os.getuid()}:{os.getgid()}",
        }
