"""The services of one chaos run: two orchestrators on one store, a runner, a contract.

Each is a process of its own that is started again when it dies, as an operator's supervisor
would; the first life of one may be armed with a fault.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.forge import Forge, forge_in
from tests.chaos.machine import (
    answers,
    command_lines,
    descendants,
    free_ports,
    is_stopped,
    until,
)
from tests.support import SCRIPTED_AGENT
from tests.support.stack import bare_repository

ROOT = Path(__file__).resolve().parents[2]
LEASE, RUN_LEASE, POLL, PACE = 2.0, 6.0, 0.1, 0.1
START_SECONDS = 60.0
ORCHESTRATORS = ("orchestrator-1", "orchestrator-2")
RUNNERS = ("runner", "runner-2")
SERVICES = ("contract", *RUNNERS, *ORCHESTRATORS)
FILES = {"hello.txt": "hello\n", "chain.txt": "base\n"}
KEY_CANARY = "canary-key-3f9c1d7e5b"
TOKEN_CANARY = "canary-token-a41b77c2d9"
_STRUCK = re.compile(rb'"event": "faultpoint", "point": "(CP-\w+)", "action": "(\w+)"')


@dataclass(slots=True)
class Service:
    """One process after the other under one name."""

    name: str
    process: "subprocess.Popen[bytes] | None" = None
    wanted: bool = False
    lives: int = 0
    stopped: bool = False
    spent: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last."""
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        """It runs, or is stopped."""
        return self.process is not None and self.process.poll() is None


class House:
    """All processes of a run below one folder."""

    def __init__(self, folder: Path, *, slots: int = 6, forge: Forge | None = None) -> None:
        self.folder = folder
        self.slots = slots
        self.forge = forge
        """Where jobs end in a pull request; else they end in a branch of a plain repository."""
        for name in ("logs", "home", "audits", "copies", "go"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.token_file.write_text(TOKEN_CANARY)
        if forge is None:
            remote = bare_repository(folder / "remote.git", FILES)
            self.repositories = {str(remote): remote}
        else:
            self.repositories = forge.repositories
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self.services = {name: Service(name) for name in SERVICES}
        self.arming: Callable[[str], str] = lambda _name: ""
        """With what fault a service that has died is started again."""
        self.targets: dict[str, str] = {}
        """Where an orchestrator finds the runner, when that is not the runner itself."""
        self.more: dict[str, str] = {}
        """Further settings of the orchestrators."""
        (folder / "house.json").write_text(json.dumps(self._described(), indent=2))

    @property
    def token_file(self) -> Path:
        """What the orchestrators reach the forge with."""
        return self.folder / "token"

    @property
    def database(self) -> Path:
        """The orchestrators' own."""
        return self.folder / "orchestrator" / "pawl.db"

    def address(self, name: str) -> str:
        """Where a service listens, in every life of it."""
        return f"127.0.0.1:{self.ports[name]}"

    def start(self, name: str, faults: str = "") -> None:
        """Starts a service, armed or not; it is started again whenever it dies."""
        service = self.services[name]
        service.wanted, service.stopped = True, False
        service.lives += 1
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            service.process = subprocess.Popen(
                [sys.executable, "-m", f"services.{name.partition('-')[0]}"],
                cwd=ROOT,
                env=self._environment(name) | ({"PAWL_FAULTPOINTS": faults} if faults else {}),
                # Its end tells the service that this process is gone, however that ended.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def serving(self, *names: str) -> None:
        """Waits until these answer."""
        until(
            lambda: all(answers(self.ports[name]) for name in names),
            f"{names} to answer",
            START_SECONDS,
            self.mend,
        )

    def answers(self, name: str) -> bool:
        """Whether a service takes connections now."""
        return self.services[name].alive and answers(self.ports[name])

    def mend(self) -> None:
        """Starts what has died."""
        for service in self.services.values():
            if service.wanted and not service.alive:
                if service.process is not None:
                    _collect(service.process)
                self.start(service.name, self.arming(service.name))

    def kill(self, name: str) -> None:
        """Ends a service as the kernel would."""
        service = self.services[name]
        if service.alive:
            os.kill(service.pid, signal.SIGKILL)
            assert service.process is not None
            service.process.wait()

    def keepers(self, runner: str) -> list[int]:
        """The processes that hold one of its runs each."""
        runs = str(self.folder / runner / "runs")
        return [pid for pid, said in command_lines() if runs in said]

    def kill_runs(self, runner: str, *, agents: bool = True) -> int:
        """Ends a runner's keepers, and what descends from them unless `agents` are to live on."""
        victims = self.keepers(runner)
        if agents:
            victims += [pid for one in victims for pid in descendants(one)]
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(victims)

    def stop(self, name: str) -> None:
        """Stops a service where it stands."""
        service = self.services[name]
        if service.alive:
            os.kill(service.pid, signal.SIGSTOP)
            service.stopped = True

    def has_stopped(self, name: str) -> bool:
        """It stands still, whoever stopped it."""
        return self.services[name].alive and is_stopped(self.services[name].pid)

    def go_on(self, name: str) -> None:
        """Continues one that is stopped."""
        service = self.services[name]
        service.stopped = False
        if service.alive:
            os.kill(service.pid, signal.SIGCONT)

    def leave(self, *names: str) -> None:
        """Has services end in good order, and wants them no more."""
        for name in names or tuple(reversed(SERVICES)):
            service = self.services[name]
            service.wanted = False
            if service.process is None:
                continue
            if service.alive:
                self.go_on(name)
                service.process.terminate()
            try:
                service.process.wait(20)
            except subprocess.TimeoutExpired:
                service.process.kill()
                service.process.wait()
            _collect(service.process)

    def struck(self, name: str) -> list[tuple[str, str]]:
        """The faults that have struck a service, with their actions."""
        log = (self.folder / "logs" / f"{name}.log").read_bytes()
        return [(point.decode(), action.decode()) for point, action in _STRUCK.findall(log)]

    def _environment(self, name: str) -> dict[str, str]:
        own = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "PAWL_LISTEN": self.address(name),
            "PAWL_PACE": str(PACE),
            "PAWL_LEAVE_WITH_PARENT": "1",
        }
        if name == "contract":
            return own | {"PAWL_ALLOW_LOCAL_REPOSITORIES": "1"}
        own["PAWL_RUN_LEASE_SECONDS"] = str(RUN_LEASE)
        if name in RUNNERS:
            return own | {
                "PAWL_DATA_DIR": str(self.folder / name),
                "PAWL_SLOTS": str(self.slots),
                "PAWL_CODEX_BINARY": str(SCRIPTED_AGENT),
                "OPENAI_API_KEY": KEY_CANARY,
            }
        return own | {
            "PAWL_ALLOW_LOCAL_REPOSITORIES": "1",
            "PAWL_DATA_DIR": str(self.folder / "orchestrator"),
            "PAWL_CONTRACT_TARGET": self.address("contract"),
            "PAWL_RUNNER_TARGETS": self.targets.get(name, self.address("runner")),
            "PAWL_LEASE_SECONDS": str(LEASE),
            "PAWL_POLL_SECONDS": str(POLL),
            "PAWL_GITHUB_TOKEN_FILE": str(self.token_file),
            **self.more,
            **(
                {"PAWL_GITHUB_URL": self.forge.url, "PAWL_GITHUB_API_URL": self.forge.url}
                if self.forge
                else {}
            ),
        }

    def _described(self) -> dict[str, object]:
        """What the checker is told: where things are, and nothing else."""
        return {
            "database": str(self.database),
            "artifacts": str(self.folder / "orchestrator" / "artifacts"),
            "mirrors": str(self.folder / "orchestrator" / "mirrors"),
            "remotes": {address: str(path) for address, path in self.repositories.items()},
            "forge": self.forge
            and {
                "url": self.forge.url,
                "audit": str(self.forge.audit),
                "answers": str(self.forge.answers),
                "unique": self.forge.unique,
            },
            "runners": [str(self.folder / name) for name in RUNNERS],
            "audits": str(self.folder / "audits"),
            "copies": str(self.folder / "copies"),
            "logs": str(self.folder / "logs"),
            "canary": str(self.folder / "sprung"),
            "secrets": [KEY_CANARY, TOKEN_CANARY],
            "base": "main",
        }


@contextlib.contextmanager
def house(
    folder: Path, *, slots: int = 6, forge: bool = False, hosts: int = 1, unique: bool = True
) -> Iterator[House]:
    """A house whose services are ended at the end of the block, whatever came before."""
    with contextlib.ExitStack() as lives:
        there: Forge | None = None
        if forge:
            folder.mkdir(parents=True)
            token_file = folder / "token"
            token_file.write_text(TOKEN_CANARY)
            there = lives.enter_context(
                forge_in(
                    folder / "forge", files=FILES, token_file=token_file, hosts=hosts, unique=unique
                )
            )
        built = House(folder, slots=slots, forge=there)
        try:
            yield built
        finally:
            built.leave()
            for runner in RUNNERS:
                built.kill_runs(runner)


def _collect(process: "subprocess.Popen[bytes]") -> None:
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
