"""That servers and the client of a benchmark stay on their cores, and say when they break."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.echo import ECHO
from bench.processes import Broken, Cores, Server, client, server
from tests.support.processes import alive

CORES = Cores.split()


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Server]:
    address = f"--address-file={tmp_path / 'echo.address'}"
    with server("echo", "bench.echo", address, cores=CORES.server, folder=tmp_path) as started:
        yield started


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    file = tmp_path / "request"
    file.write_bytes(b"anything")
    return file


def test_a_server_runs_on_its_core_alone(echo: Server) -> None:
    assert os.sched_getaffinity(echo.pid) == CORES.server


def test_who_starts_a_server_stays_on_its_own_cores(echo: Server) -> None:
    assert os.sched_getaffinity(0) == CORES.server | CORES.client


def test_calls_are_counted(echo: Server, request_file: Path) -> None:
    with client(CORES.client) as caller:
        calls, seconds = caller.round(echo, ECHO, request_file, concurrency=2, seconds=0.05)

    assert calls > 0
    assert seconds >= 0.05


def test_a_call_that_is_refused_breaks_the_measurement(echo: Server, request_file: Path) -> None:
    with client(CORES.client) as caller, pytest.raises(Broken, match="UNIMPLEMENTED"):
        caller.round(echo, "/bench.Echo/Missing", request_file, concurrency=2, seconds=0.05)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    missing = server("none", "bench.missing", cores=CORES.server, folder=tmp_path)

    with pytest.raises(Broken, match=r"No module named bench\.missing"), missing:
        pass


def test_a_server_is_gone_after_its_block(tmp_path: Path) -> None:
    address = f"--address-file={tmp_path / 'echo.address'}"
    with server("echo", "bench.echo", address, cores=CORES.server, folder=tmp_path) as started:
        pass

    assert not alive(started.pid)
    with pytest.raises(Broken, match="echo is gone"):
        started.cpu_seconds()
