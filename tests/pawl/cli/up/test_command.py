"""`pawl up` with stand-ins for the services."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pawl.cli.up import command, stack
from pawl.cli.up.services import Service
from pawl.wire.probe import healthy
from tests.support.processes import alive
from tests.support.stand_in_stack import stand_in, stand_ins

# These start processes, which takes its time on a machine that is busy.
pytestmark = pytest.mark.timeout(40)


async def pawl_up(data_dir: Path) -> int:
    return await command.up(data_dir=data_dir, contract_port=0, orchestrator_port=0, runner_port=0)


async def until(fact: Callable[[], bool]) -> None:
    """The test's own time limit ends a wait for what never comes."""
    while not fact():  # noqa: ASYNC110 - other processes set no events
        await asyncio.sleep(0.02)


class Up:
    def __init__(self, data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.data_dir = data_dir
        self.out = self.err = ""
        self.code: int | None = None
        self._capfd = capfd

    def read(self) -> bool:
        out, err = self._capfd.readouterr()
        self.out += out
        self.err += err
        return self.code is not None or "pawl is up" in self.out

    def address(self, name: str) -> str:
        return (self.data_dir / "services" / f"{name}.address").read_text()

    def pid(self, name: str) -> int:
        return int((self.data_dir / "services" / f"{name}.pid").read_text())

    def says(self, words: str) -> bool:
        self.read()
        return words in self.err

    async def run(self) -> None:
        self.code = await pawl_up(self.data_dir)


@asynccontextmanager
async def up(
    data_dir: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    services: tuple[Service, ...] | None = None,
) -> AsyncIterator[Up]:
    monkeypatch.setattr(command, "existing", lambda: services or stand_ins())
    running = Up(data_dir, capfd)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(running.run())
        await until(running.read)
        yield running
        if running.code is None:
            os.kill(os.getpid(), signal.SIGTERM)
    running.read()


async def test_one_line_on_stdout_names_every_address_once_all_serve(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with up(tmp_path, capfd, monkeypatch) as running:
        names = ("orchestrator", "contract", "runner")
        line = "pawl is up: " + " ".join(f"{name}={running.address(name)}" for name in names)
        assert running.out == line + "\n"
        assert all([await healthy(running.address(name)) for name in names])
    assert running.code == 0


async def test_a_service_that_is_killed_comes_back_on_its_port(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with up(tmp_path, capfd, monkeypatch) as running:
        address = running.address("runner")
        before = running.pid("runner")
        os.kill(before, signal.SIGKILL)
        await until(lambda: running.says("was killed by SIGKILL; starting it again in 0.2 s"))
        await until(lambda: running.pid("runner") != before)
        async with grpc.aio.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            question = health_pb2.HealthCheckRequest()
            answer = await health.Check(question, wait_for_ready=True, timeout=8)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_service_that_dies_at_its_start_ends_the_command_with_its_last_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = (stand_in("runner"), stand_in("contract", "die"))
    async with up(tmp_path, capfd, monkeypatch, services) as running:
        pass
    assert running.code == 4
    assert "ended with exit code 7 before it served" in running.err
    assert "the stand-in was told to die" in running.err
    assert not running.out


async def test_a_service_that_never_serves_is_given_up_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        command, "Stack", lambda **given: stack.Stack(**given, patience=timedelta(seconds=1))
    )
    async with up(tmp_path, capfd, monkeypatch, (stand_in("runner", "mute"),)) as running:
        pass
    assert running.code == 4
    assert "runner did not serve within 1 s" in running.err


async def test_a_service_that_ignores_the_request_to_leave_is_killed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "GRACE", timedelta(seconds=0.5))
    async with up(tmp_path, capfd, monkeypatch, (stand_in("runner", "deaf"),)) as running:
        pid = running.pid("runner")
    assert running.code == 0
    assert "runner did not leave within 0.5 s; killing it" in running.err
    assert not alive(pid)


async def test_a_second_one_on_the_same_data_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with up(tmp_path, capfd, monkeypatch) as running:
        code = await pawl_up(tmp_path)
        assert code == 2
        assert running.says(f"another `pawl up` (pid {os.getpid()}) uses {tmp_path}")


async def test_an_unknown_setting_is_refused_by_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWL_SLOTZ", "3")
    code = await pawl_up(tmp_path)
    assert code == 2
    assert "PAWL_SLOTZ is not a setting of Pawl" in capfd.readouterr().err


@asynccontextmanager
async def killable(data_dir: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    argv = (sys.executable, "-m", "tests.support.stand_in_stack", str(data_dir))
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"up ")
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_services_leave_by_themselves_when_it_is_killed(tmp_path: Path) -> None:
    """Else they would hold their ports, and the next start would fail."""
    async with killable(tmp_path) as first:
        pids = [int(file.read_text()) for file in (tmp_path / "services").glob("*.pid")]
        first.kill()
    assert len(pids) == 3
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_a_start_right_after_a_kill_waits_for_the_services_to_leave(tmp_path: Path) -> None:
    async with killable(tmp_path) as first:
        first.kill()
    async with killable(tmp_path) as second:
        pass
    assert second.returncode == 0
