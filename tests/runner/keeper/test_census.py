"""Who descends from whom, on real processes."""

import os
import subprocess
import sys
from pathlib import Path

from services.runner.keeper import census

NAMED = """
import sys, time
from pathlib import Path
Path("/proc/self/comm").write_text(sys.argv[1])
print("ready", flush=True)
time.sleep(60)
"""


def test_this_process_is_found_with_its_parent() -> None:
    process = census.look(os.getpid())

    assert process is not None
    assert (process.pid, process.parent) == (os.getpid(), os.getppid())
    assert process.session == os.getsid(0)


def test_a_process_that_is_not_there_is_none() -> None:
    assert census.look(2**22 + 1) is None


def test_a_name_full_of_parentheses_and_controls_is_read_safely() -> None:
    command = [sys.executable, "-c", NAMED, ") R 1 (\n("]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()

        process = census.look(child.pid)
        child.kill()

    assert process is not None
    assert (process.name, process.parent) == (") R 1 (\N{REPLACEMENT CHARACTER}(", os.getpid())


def test_grandchildren_in_sessions_of_their_own_are_descendants() -> None:
    script = "setsid sleep 60 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())

        found = {process.pid for process in census.descendants(os.getpid())}
        os.kill(grandchild, 9)

    assert {child.pid, grandchild} <= found
    assert os.getpid() not in found


def test_a_zombie_and_a_reused_pid_do_not_run() -> None:
    child = subprocess.Popen(["true"])
    while (process := census.look(child.pid)) and process.state != "Z":
        pass
    assert process is not None

    assert not census.is_running(child.pid, process.start_time)
    assert not census.is_running(os.getpid(), 1)
    child.wait()


def test_the_boot_has_a_name() -> None:
    assert census.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
