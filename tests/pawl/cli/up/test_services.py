"""`pawl up` with the real services."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pawl.cli.up.probing import serves_pages
from pawl.client import connected, connected_to_contract

PAYLOAD = {"repository": "owner/repo", "task": {"instructions": "x", "publish": {"mode": "none"}}}


@asynccontextmanager
async def up(data_dir: Path) -> AsyncIterator[dict[str, str]]:
    ports = (f"--{name}-port=0" for name in ("contract", "orchestrator", "runner", "dashboard"))
    argv = (sys.executable, "-m", "pawl.cli", "up", "--data-dir", str(data_dir), *ports)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
    try:
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        if not first:
            _, complaint = await process.communicate()
            pytest.fail(complaint.decode())
        words = first.removeprefix("pawl is up: ").split()
        yield {name: address for name, _, address in (word.partition("=") for word in words)}
    finally:
        if process.returncode is None:
            process.terminate()
        rest, _ = await process.communicate()
    assert (process.returncode, rest) == (0, b"")


async def serves(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        answer = await check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=20)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.mark.timeout(60)
async def test_the_services_know_each_other_and_leave_nothing_running(tmp_path: Path) -> None:
    async with up(tmp_path) as addresses:
        async with connected_to_contract(addresses["contract"]) as contract:
            assert (await contract.validate(PAYLOAD)).plan.digest
        async with connected(addresses["orchestrator"]) as client:
            job = (await client.submit(PAYLOAD)).job
            fleet = (await client.runners()).runners
        pids = [int(file.read_text()) for file in (tmp_path / "services").glob("*.pid")]
    assert job.job_id
    assert [runner.target for runner in fleet] == [addresses["runner"]]
    assert len(pids) == 4
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.timeout(60)
async def test_a_killed_service_is_back_at_its_address(tmp_path: Path) -> None:
    async with up(tmp_path) as addresses:
        for name in ("dashboard", "runner", "orchestrator", "contract"):
            pid = int((tmp_path / "services" / f"{name}.pid").read_text())
            os.kill(pid, signal.SIGKILL)
        pages = addresses.pop("dashboard").removeprefix("http://").rstrip("/")
        assert all([await serves(address) for address in addresses.values()])
        while not await serves_pages(pages):  # noqa: ASYNC110 - nothing tells when it does
            await asyncio.sleep(0.05)


@pytest.mark.timeout(60)
async def test_a_start_after_a_stop_finds_the_jobs(tmp_path: Path) -> None:
    async with up(tmp_path) as addresses, connected(addresses["orchestrator"]) as client:
        job_id = (await client.submit(PAYLOAD)).job.job_id
    async with up(tmp_path) as addresses, connected(addresses["orchestrator"]) as client:
        assert (await client.job(job_id)).job_id == job_id


@pytest.mark.timeout(60)
async def test_a_port_that_is_taken_is_told_of_with_the_option_for_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"contract": 0, "orchestrator": 0, "runner": 0, "dashboard": taken.getsockname()[1]}
        options = (f"--{name}-port={port}" for name, port in ports.items())
        argv = (sys.executable, "-m", "pawl.cli", "up", "--data-dir", str(tmp_path), *options)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
        _, complaint = await process.communicate()

    assert process.returncode
    assert "choose another port with --dashboard-port" in complaint.decode()
