"""A keeper is found as long as it lives, by whoever looks."""

import os
import signal
import time
from binascii import b2a_base64
from pathlib import Path

import pytest

from services.runner.holding import KeeperFailed
from services.runner.keeper import census, record
from services.runner.keeper.record import Order
from services.runner.launcher import LOCK, Processes, is_held
from services.runner.values import ProcessSeen


def order(directory: Path, *argv: str) -> Order:
    return Order(
        argv=argv,
        env={"PATH": "/usr/bin:/bin"},
        cwd=str(directory),
        prompt=b2a_base64(b"x" * 3_000_000).decode(),
        stdout=str(directory / "stdout"),
        stderr=str(directory / "stderr"),
        max_capture_bytes=1 << 30,
        step_timeout=60,
        interrupt_grace=0.2,
        terminate_grace=0.2,
        linger_grace=0.2,
        orphan_limit=60,
        kept=time.monotonic(),
        sweep_limit=5,
    )


async def test_a_keeper_holds_its_lock_until_it_has_gone(tmp_path: Path) -> None:
    keeper = Processes().launch(tmp_path, order(tmp_path, "sleep", "60"))
    assert is_held(tmp_path)

    started = await keeper.started()
    async with keeper.watching():
        assert not keeper.gone.is_set()
        assert keeper.tell("stop", "cancelled")
        await keeper.gone.wait()

    assert not is_held(tmp_path)
    assert not keeper.tell("alive")
    assert started["keeper"]["pid"] == keeper.pid
    assert (record.read(tmp_path / record.ENDED) or {})["stop"] == "cancelled"


async def test_a_keeper_is_found_by_another_process_and_its_end_is_seen(tmp_path: Path) -> None:
    launched = Processes().launch(tmp_path, order(tmp_path, "sleep", "60"))

    found = Processes().find(tmp_path)
    assert found is not None
    assert (await found.started())["keeper"]["pid"] == (await launched.started())["keeper"]["pid"]
    async with launched.watching(), found.watching():
        found.tell("stop", "cancelled")
        await found.gone.wait()
        await launched.gone.wait()

    assert Processes().find(tmp_path) is None


async def test_the_lock_does_not_reach_the_cli(tmp_path: Path) -> None:
    keeper = Processes().launch(tmp_path, order(tmp_path, "ls", "-l", "/proc/self/fd"))
    await keeper.started()
    async with keeper.watching():
        await keeper.gone.wait()

    assert f"/{LOCK}\n" not in (tmp_path / "stdout").read_text()


async def test_a_keeper_that_cannot_do_its_work_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / record.CONTROL).mkdir()

    keeper = Processes().launch(tmp_path, order(tmp_path, "true"))

    with pytest.raises(KeeperFailed, match=r"keeper\.log"):
        await keeper.started()
    assert b"Traceback" in (tmp_path / "keeper.log").read_bytes()


async def test_a_killed_keeper_is_seen_to_have_gone(tmp_path: Path) -> None:
    keeper = Processes().launch(tmp_path, order(tmp_path, "sleep", "60"))
    started = await keeper.started()
    async with keeper.watching():
        os.kill(keeper.pid, signal.SIGKILL)
        await keeper.gone.wait()

    receipt = await Processes().end_remains(tmp_path, None)

    assert receipt.survivors == ()
    assert not census.is_running(started["process"]["pid"], started["process"]["start_time"])


def test_a_process_is_known_by_when_it_started_not_by_its_name() -> None:
    """A survivor that renamed itself once let its runner take work again."""
    me = census.look(os.getpid())
    assert me is not None

    itself = ProcessSeen(pid=me.pid, name="renamed", start_time=me.start_time)
    another = ProcessSeen(pid=me.pid, name=me.name, start_time=me.start_time + 1)

    assert Processes().lives(itself)
    assert not Processes().lives(another)


def test_without_a_start_time_only_a_process_of_that_name_lives() -> None:
    me = census.look(os.getpid())
    assert me is not None

    assert Processes().lives(ProcessSeen(pid=me.pid, name=me.name))
    assert not Processes().lives(ProcessSeen(pid=me.pid, name="another"))
