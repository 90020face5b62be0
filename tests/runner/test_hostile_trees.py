"""A run that does not want to end ends all the same, and its receipt is true."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from services.runner.keeper import census, marks
from services.runner.remains import end_remains
from tests.runner.keeper.conftest import Held, eventually, hold, mentioning

__all__ = ["hold"]

ROUNDS = int(os.environ.get("ROUNDS", "10"))

pytestmark = pytest.mark.timeout(20 + 4 * ROUNDS)

Hold = Callable[..., Held]

TREE = """
trap '' INT TERM HUP
deeper=$(($1 - 1))
if [ "$1" -gt 0 ]; then
    for child in one two; do
        setsid env -i /bin/sh -c "$2" tree "$deeper" "$2" "$3" &
    done
fi
echo up
[ $(($1 % 2)) = 1 ] && exit
while :; do sleep "$3"; done
"""
"""Two children each, in sessions of their own and with no environment; odd generations leave.

All of them ignore what is ignored here, and hold the run's standard output.
"""
DEPTH = 4
PROCESSES = 2 ** (DEPTH + 1) - 1

BROOD = """
import os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
until = time.monotonic() + float(sys.argv[2])
os.write(1, b"up\\n")
for chain in range(6):
    if os.fork() == 0:
        break
else:
    chain = None
while time.monotonic() < until:
    if chain is None:
        time.sleep(0.01)
    elif os.fork():
        if chain % 2:
            time.sleep(0.001)
        os._exit(0)
    else:
        os.setsid()
"""
"""Six chains in which each process makes the next and ends; three of them do it at once."""


def stands(held: Held) -> None:
    held.started()
    eventually(lambda: held.stdout().count("up") == PROCESSES, "it never stood")


def a_mark() -> str:
    """What a `sleep` takes for a time, and nobody else on this machine uses."""
    return f"60{uuid4().int % 10**9:09}"


def test_a_tree_that_hides_from_every_signal_is_gone(hold: Hold) -> None:
    """Sessions of their own, no environment, deaf to INT and TERM, the output kept open."""
    clean = 0
    for _ in range(ROUNDS):
        mark = a_mark()
        held = hold("/bin/sh", "-c", TREE, "tree", str(DEPTH), TREE, mark)
        stands(held)

        held.tell("stop cancelled")
        ended = held.ended()

        receipt = ended["receipt"]
        assert receipt["survivors"] == []
        assert len(receipt["before"]) >= PROCESSES // 2
        clean += not mentioning(mark)
    print(f"{clean} of {ROUNDS} cancels left 0 survivors")
    assert clean == ROUNDS


def test_a_brood_that_forks_while_it_is_killed_is_gone(hold: Hold) -> None:
    clean = 0
    for _ in range(ROUNDS):
        mark = uuid4().hex
        held = hold(sys.executable, "-c", BROOD, mark, "15", sweep_limit=6.0)
        held.says("up")

        held.tell("stop cancelled")
        ended = held.ended()

        told = {process["pid"] for process in ended["receipt"]["survivors"]}
        found = set(mentioning(mark))
        assert bool(told) == bool(found), "the receipt does not say what is there"
        end_all(mark)
        clean += not found
    print(f"{clean} of {ROUNDS} broods were swept")
    assert clean == ROUNDS


def test_what_is_left_when_a_sweep_has_to_give_up_is_told(hold: Hold) -> None:
    mark = a_mark()
    held = hold("/bin/sh", "-c", TREE, "tree", str(DEPTH), TREE, mark, sweep_limit=0.0)
    held.started()
    # Generations of 1, 4 and 16 stay, each with its `sleep`.
    eventually(lambda: names(mark) == 21 * ["sh"] + 21 * ["sleep"], "it never stood")

    held.tell("stop cancelled")
    ended = held.ended()

    survivors = ended["receipt"]["survivors"]
    living = set(mentioning(mark))
    # One that was sent the kill may die a moment after it was told of; nothing lives untold.
    assert living
    assert living <= {process["pid"] for process in survivors}
    told = {each["pid"]: each["start_time"] for each in survivors}
    found = [process for pid in living if (process := census.look(pid))]
    assert all(process.start_time == told[process.pid] for process in found)
    end_all(mark)


def test_what_hides_in_the_moment_before_its_keeper_is_killed_is_gone(
    hold: Hold, tmp_path: Path
) -> None:
    """No list of the keeper's was written by then, and no process knows its parent."""
    clean = 0
    for number in range(ROUNDS):
        sleeps = a_mark()
        held = hold("/bin/sh", "-c", TREE, "tree", "3", TREE, sleeps, mark=marks.new())
        held.started()
        held.says("up")

        held.process.kill()
        held.process.wait()
        receipt = end_remains(tmp_path / f"run{number}")

        assert receipt.survivors == ()
        clean += not mentioning(sleeps)
    assert clean == ROUNDS


def names(mark: str) -> list[str]:
    seen = map(census.look, mentioning(mark))
    return sorted(process.name for process in seen if process is not None)


def end_all(mark: str) -> None:
    deadline = time.monotonic() + 8
    while pids := mentioning(mark):
        assert time.monotonic() < deadline, "the test cannot end what it has started"
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
