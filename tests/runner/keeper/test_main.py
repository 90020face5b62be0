"""What a keeper promises about the run it holds."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from services.runner.keeper import census, marks, record
from services.runner.keeper.record import Started
from tests.runner.keeper.conftest import Held, eventually, mentioning

Hold = Callable[..., Held]

STUBBORN = """
import os, signal, sys, time
mark = sys.argv[1]
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(600)
"""

FORKER = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
until = time.monotonic() + 30
while time.monotonic() < until:
    if os.fork():
        time.sleep(0.002)
        os._exit(0)
    os.setsid()
"""

UNTIL_TOLD = "until [ -e go ]; do sleep 0.01; done"


def go(held: Held) -> None:
    """Lets go on what does `UNTIL_TOLD`."""
    (held.directory.parent / "go").touch()


def test_the_prompt_arrives_on_stdin_which_then_ends(hold: Hold) -> None:
    held = hold("cat", prompt=b"do \x00 this\n" * 50_000)

    ended = held.ended()

    assert (ended["exit_code"], ended["stop"], ended["error"]) == (0, None, "")
    assert (held.directory / "stdout").read_bytes() == b"do \x00 this\n" * 50_000


def test_the_exit_code_and_both_captures_are_kept(hold: Hold) -> None:
    held = hold("sh", "-c", "echo out; echo err >&2; exit 7")

    ended = held.ended()

    assert ended["exit_code"] == 7
    assert held.stdout() == "out\n"
    assert (held.directory / "stderr").read_text() == "err\n"


def test_an_end_by_signal_is_told_apart_from_a_code(hold: Hold) -> None:
    ended = hold("sh", "-c", "kill -9 $$").ended()

    assert (ended["exit_code"], ended["exit_signal"]) == (None, signal.SIGKILL)


def test_the_environment_is_exactly_the_one_ordered(hold: Hold) -> None:
    held = hold("/usr/bin/env", env={"ONLY": "this"})

    held.ended()

    assert held.stdout() == "ONLY=this\n"


def test_the_order_leaves_no_secret_in_the_run_directory(hold: Hold) -> None:
    held = hold("true", env={"PATH": os.environ["PATH"], "KEY": "canary-secret"})

    held.ended()

    files = [path.read_bytes() for path in held.directory.iterdir() if path.is_file()]
    assert files
    assert not any(b"canary-secret" in content for content in files)


def test_no_descriptor_but_the_three_reaches_the_cli(hold: Hold) -> None:
    held = hold("ls", "/proc/self/fd")

    held.ended()

    assert held.stdout().split() == ["0", "1", "2", "3"]  # 3 is ls reading the directory


def test_the_kernel_is_asked_to_take_the_cli_before_its_keeper(hold: Hold) -> None:
    held = hold("cat", "/proc/self/oom_score_adj")

    held.ended()

    assert held.stdout() == "500\n"


def test_a_program_that_is_not_there_is_an_end_with_a_sentence(hold: Hold) -> None:
    ended = hold("/no/such/cli").ended()

    assert ended["error"] == "cannot start /no/such/cli: No such file or directory"
    assert (ended["exit_code"], ended["exit_signal"]) == (None, None)


def test_started_is_on_disk_and_true_while_the_run_lives(hold: Hold) -> None:
    held = hold("sleep", "600")

    started = held.started()

    assert started["keeper"]["pid"] == held.process.pid
    assert started["boot_id"] == census.boot_id()
    assert census.is_running(started["process"]["pid"], started["process"]["start_time"])


def test_a_stubborn_cli_with_a_daemon_leaves_no_process(hold: Hold) -> None:
    mark = uuid4().hex
    held = hold(sys.executable, "-c", STUBBORN, mark)
    held.says("ready")
    held.says("daemon")

    held.tell("stop cancelled")
    ended = held.ended()

    assert mentioning(mark) == []
    assert ended["stop"] == "cancelled"
    assert ended["exit_signal"] == signal.SIGKILL
    receipt = ended["receipt"]
    assert [s["signal"] for s in receipt["signals"]] == ["SIGINT", "SIGTERM", "SIGKILL", "SIGKILL"]
    assert [s["target"] for s in receipt["signals"]] == ["group", "group", "group", "sweep"]
    assert len(receipt["before"]) == 2
    assert receipt["survivors"] == []


def test_a_cli_that_heeds_the_interrupt_gets_no_second_signal(hold: Hold) -> None:
    heeds = "trap 'echo bye; exit 5' INT; echo ready; while :; do sleep 0.01; done"
    held = hold("sh", "-c", heeds, interrupt_grace=9.0)
    held.says("ready")

    held.tell("stop cancelled")
    ended = held.ended()

    signals = [s["signal"] for s in ended["receipt"]["signals"] if s["target"] == "group"]
    assert signals == ["SIGINT"]
    assert (ended["exit_code"], ended["stop"]) == (5, "cancelled")


def test_one_that_forks_all_the_time_is_swept(hold: Hold) -> None:
    mark = uuid4().hex
    held = hold(sys.executable, "-c", FORKER, mark)

    ended = held.ended()

    assert ended["receipt"]["survivors"] == []
    assert mentioning(mark) == []


def test_a_normal_end_sweeps_what_was_left_behind(hold: Hold) -> None:
    mark = f"60{uuid4().int % 10**9}"
    settled = 'until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done'
    held = hold("sh", "-c", f"setsid sleep {mark} & {settled}; exit 0")

    ended = held.ended()

    assert mentioning(mark) == []
    assert (ended["exit_code"], ended["stop"]) == (0, None)
    assert [p["name"] for p in ended["receipt"]["before"]] == ["sleep"]
    assert [s["target"] for s in ended["receipt"]["signals"]] == ["sweep"]


def test_a_run_that_takes_too_long_is_stopped(hold: Hold) -> None:
    ended = hold("sleep", "600", step_timeout=0.3).ended()

    assert ended["stop"] == "timeout"
    assert 0.3 <= ended["duration"] < 5


def test_a_run_nobody_keeps_is_stopped(hold: Hold) -> None:
    assert hold("sleep", "600", orphan_limit=0.3).ended()["stop"] == "orphaned"


def test_a_run_somebody_keeps_goes_on(hold: Hold) -> None:
    held = hold("sleep", "600", orphan_limit=1.5)
    held.started()
    until = time.monotonic() + 3

    while time.monotonic() < until:
        held.tell("kept", f"{time.monotonic():.3f}")
        assert held.process.poll() is None
        time.sleep(0.05)

    assert held.ended()["stop"] == "orphaned"


def test_a_word_that_was_held_up_keeps_a_run_no_longer_than_one_that_was_not(hold: Hold) -> None:
    held = hold("sleep", "600", orphan_limit=0.6)
    held.started()
    said = f"{time.monotonic():.3f}"
    until = time.monotonic() + 5

    while held.process.poll() is None and time.monotonic() < until:
        held.tell("kept", said)
        time.sleep(0.05)

    assert held.ended()["stop"] == "orphaned"


def test_what_is_no_moment_keeps_nothing_and_ends_nothing(hold: Hold) -> None:
    held = hold("sh", "-c", f"{UNTIL_TOLD}; exit 3")
    held.started()

    for word in ("soon", "-1", "1.2.3", "9e9", "nan"):
        held.tell("kept", word)
    go(held)

    assert (held.ended()["exit_code"], held.ended()["stop"]) == (3, None)


def test_a_cli_that_said_its_result_and_stays_is_stopped_as_lingering(hold: Hold) -> None:
    held = hold("sleep", "600")
    held.started()

    held.tell("finish")

    assert held.ended()["stop"] == "lingered"


def test_a_cli_that_said_its_result_and_goes_is_not_stopped(hold: Hold) -> None:
    held = hold("sh", "-c", f"{UNTIL_TOLD}; exit 0", linger_grace=30.0)
    held.started()

    held.tell("finish")
    go(held)

    assert (held.ended())["stop"] is None


def test_captures_over_the_limit_stop_the_run(hold: Hold) -> None:
    assert hold("yes", max_capture_bytes=100_000).ended()["stop"] == "output"


def test_a_signal_to_the_keeper_ends_its_run_first(hold: Hold) -> None:
    held = hold("sleep", "600")
    started = held.started()

    held.process.send_signal(signal.SIGTERM)

    assert held.ended()["stop"] == "keeper_signalled"
    assert not census.is_running(started["process"]["pid"], started["process"]["start_time"])


def test_all_processes_of_a_run_carry_its_mark_whatever_they_forget(hold: Hold) -> None:
    mark = marks.new()
    held = hold("sh", "-c", "env -i setsid sh -c 'grep timeout /proc/self/limits'", mark=mark)

    held.ended()

    assert held.stdout().split() == ["Max", "realtime", "timeout", str(mark), str(mark), "us"]


def names_of(mark: int) -> list[str]:
    """What the processes that carry a mark are called now."""
    names = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marks.carries(int(folder.name), mark):
                names.append((folder / "comm").read_text().strip())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return names


def test_a_receipt_tells_by_what_each_process_was_found(hold: Hold) -> None:
    mark = marks.new()
    env = {"PATH": os.environ["PATH"], marks.VARIABLE: str(mark)}
    held = hold("sh", "-c", "setsid sleep 600 & echo ready; wait", mark=mark, env=env)
    held.says("ready")
    eventually(lambda: "sleep" in names_of(mark), "what left the session never became itself")
    outside = subprocess.Popen(["sleep", "600"], env=env)
    eventually(lambda: marks.carries(outside.pid, mark), "it never had its mark")

    held.tell("stop cancelled")
    receipt = held.ended()["receipt"]

    assert outside.wait(5) == -signal.SIGKILL
    assert {(one["name"], *one["ways"]) for one in receipt["before"]} == {
        ("sh", "session", "parentage", "mark"),
        ("sleep", "parentage", "mark"),
        ("sleep", "mark"),
    }
    assert (receipt["before_count"], receipt["survivors"]) == (3, [])
    assert receipt["signal_count"] == len(receipt["signals"])


def test_words_it_does_not_know_change_nothing(hold: Hold) -> None:
    held = hold("sleep", "600")
    held.started()

    held.tell("dance\n\n\x00\xff" + "x" * 10_000)
    held.tell("stop cancelled")

    assert held.ended()["stop"] == "cancelled"


def test_a_run_that_removes_its_own_directory_still_leaves_no_process(hold: Hold) -> None:
    mark = f"60{uuid4().int % 10**9}"
    held = hold("sh", "-c", f"rm -rf run0; setsid sleep {mark} & exit 0")

    held.process.wait(timeout=9)

    assert mentioning(mark) == []


def test_the_run_goes_on_when_the_launcher_is_killed(tmp_path: Path) -> None:
    """The launcher is killed with -9; the keeper then tells of the run's real end."""
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path)], cwd=Path(__file__).parents[3]
    )
    eventually((tmp_path / record.STARTED).exists, "the run never started")

    launcher.kill()
    launcher.wait()
    (tmp_path / "go").touch()

    eventually((tmp_path / record.ENDED).exists, "the run never ended")
    ended = record.read(tmp_path / record.ENDED)
    assert ended is not None
    assert (ended["exit_code"], ended["stop"]) == (4, None)
    assert (tmp_path / "stdout").read_text() == "went on\n"


LAUNCHER = """
import sys, time
from pathlib import Path
from tests.runner.keeper.conftest import Held
directory = sys.argv[1]
wait = f"while ! [ -e {directory}/go ]; do sleep 0.01; done; echo went on; exit 4"
Held(Path(directory), dict(
    argv=["sh", "-c", wait], env={"PATH": "/usr/bin:/bin"}, cwd=directory, prompt="",
    stdout=directory + "/stdout", stderr=directory + "/stderr", max_capture_bytes=1 << 20,
    step_timeout=30, interrupt_grace=1, terminate_grace=1, linger_grace=1, orphan_limit=30,
    kept=time.monotonic(), sweep_limit=5))
time.sleep(60)
"""


def test_what_runs_is_listed_for_whoever_cleans_up_after_a_dead_keeper(hold: Hold) -> None:
    held = hold("sh", "-c", "setsid sleep 600 & echo ready; wait")
    started: Started = held.started()

    eventually(lambda: len(listed(held)) == 2, "the daemon was never listed")
    held.process.kill()

    held.process.wait()
    pids = listed(held)
    assert started["process"]["pid"] in pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def listed(held: Held) -> list[int]:
    found = record.read(held.directory / record.PROCESSES)
    return [process["pid"] for process in found["processes"]] if found else []
