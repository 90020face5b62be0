"""Only what was recorded is ended, however much it tries to look otherwise."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.runner.keeper import census, marks, record
from services.runner.remains import end_remains
from tests.runner.keeper.conftest import eventually


class Stray:
    """A shell in a session of its own with a child in another, and records that name it."""

    def __init__(self, directory: Path) -> None:
        script = "setsid sleep 60 & echo $!; sleep 60"
        self.process = subprocess.Popen(
            ["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True
        )
        assert self.process.stdout is not None
        self.daemon = int(self.process.stdout.readline())
        self._directory = directory

    def recorded(self, **changes: Any) -> None:
        found = census.look(self.process.pid)
        assert found is not None
        name = {"pid": found.pid, "start_time": found.start_time, "name": found.name}
        started = {"keeper": name, "process": name, "boot_id": census.boot_id(), "time": ""}
        record.write(self._directory / record.STARTED, started | changes)

    @property
    def lives(self) -> list[bool]:
        seen = [census.look(pid) for pid in (self.process.pid, self.daemon)]
        return [process is not None and not process.ended for process in seen]

    def close(self) -> None:
        for process in [*census.descendants(self.process.pid), *census.members(self.daemon)]:
            subprocess.run(["kill", "-9", str(process.pid)], check=False, stderr=subprocess.DEVNULL)
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def stray(tmp_path: Path) -> Iterator[Stray]:
    made = Stray(tmp_path)
    yield made
    made.close()


def test_the_recorded_process_and_all_it_started_are_ended(stray: Stray, tmp_path: Path) -> None:
    stray.recorded()

    assert end_remains(tmp_path).survivors == ()

    assert stray.lives == [False, False]


def test_a_daemon_that_was_listed_is_ended_though_its_parent_is_gone(
    stray: Stray, tmp_path: Path
) -> None:
    stray.recorded()
    daemon = census.look(stray.daemon)
    assert daemon is not None
    listed = {"pid": daemon.pid, "start_time": daemon.start_time, "name": daemon.name}
    record.write(tmp_path / record.PROCESSES, {"processes": [listed]})
    stray.process.kill()
    stray.process.wait()

    end_remains(tmp_path)

    assert stray.lives == [False, False]


def test_another_process_of_the_same_number_is_left_alone(stray: Stray, tmp_path: Path) -> None:
    stray.recorded(process={"pid": stray.process.pid, "start_time": 1, "name": "sh"})

    assert end_remains(tmp_path).survivors == ()

    assert stray.lives == [True, True]


def test_after_a_reboot_no_number_means_anything(stray: Stray, tmp_path: Path) -> None:
    stray.recorded(boot_id="another")

    assert end_remains(tmp_path).survivors == ()

    assert stray.lives == [True, True]


@pytest.mark.parametrize("scrubbed", [True, False])
def test_what_carries_the_mark_is_ended_though_no_record_and_no_parent_tells_of_it(
    stray: Stray, tmp_path: Path, scrubbed: bool
) -> None:
    """A daemon that left in the last moment before its keeper died was in no list."""
    mark = marks.new()
    stray.recorded(mark=mark)
    marked = f"ulimit -R {mark}; exec env -i" if scrubbed else f"{marks.VARIABLE}={mark} exec"
    daemon = subprocess.Popen(["bash", "-c", f"{marked} sleep 60"], start_new_session=True)
    eventually(lambda: marks.carries(daemon.pid, mark), "it never had its mark")
    stray.process.kill()
    stray.process.wait()
    os.kill(stray.daemon, signal.SIGKILL)

    receipt = end_remains(tmp_path)

    daemon.wait(5)
    assert "mark" in {one.pid: one.ways for one in receipt.before}[daemon.pid]
    assert (daemon.pid, "sweep") in {(sent.pid, sent.target) for sent in receipt.signals}
    assert receipt.survivors == ()


def test_a_process_that_is_older_than_the_run_is_left_alone_whatever_it_carries(
    tmp_path: Path,
) -> None:
    mark = marks.new()
    older = subprocess.Popen(["sleep", "60"], env={marks.VARIABLE: str(mark)})
    ticks = census.look(older.pid)
    assert ticks is not None
    eventually(lambda: marks.carries(older.pid, mark), "it never had its mark")
    eventually(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) * 100 > ticks.start_time + 5, "time")
    stray = Stray(tmp_path)
    stray.recorded(mark=mark)

    end_remains(tmp_path)

    assert older.poll() is None
    older.kill()
    older.wait()
    stray.close()


def test_without_a_record_nothing_is_ended(tmp_path: Path) -> None:
    assert end_remains(tmp_path).survivors == ()
