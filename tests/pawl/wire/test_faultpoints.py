"""Faults: read, armed, struck at the right time, and otherwise nothing at all."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pawl.wire import faultpoints
from pawl.wire.faultpoints import Action, Fault, Injected, Point


class AnswerLost(Exception):
    """What a caller sees whose answer was lost."""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    faultpoints.arm(())


def test_faults_are_read() -> None:
    assert faultpoints.parse(" CP-T3=kill@5, CP-C2=drop@1+,,CP-S1=raise") == (
        Fault(Point.T3, Action.KILL, 5),
        Fault(Point.C2, Action.DROP, 1, onwards=True),
        Fault(Point.S1, Action.RAISE),
    )


@pytest.mark.parametrize(
    "word", ["CP-T3", "T3=kill", "CP-T99=kill", "CP-T3=explode", "CP-T3=kill@0", "CP-T3=kill@x"]
)
def test_what_is_no_fault_is_named(word: str) -> None:
    with pytest.raises(ValueError, match=word):
        faultpoints.parse(f"CP-S1=kill,{word}")


def test_nothing_happens_unless_it_is_armed() -> None:
    for point in Point:
        faultpoints.reach(point, AnswerLost)
        faultpoints.begin(point)
        faultpoints.answered(point, AnswerLost)


def test_a_fault_strikes_the_time_it_is_asked_for_and_at_its_place() -> None:
    faultpoints.arm(faultpoints.parse("CP-T3=raise@2"))

    faultpoints.reach(Point.T3)
    faultpoints.reach(Point.T4)
    with pytest.raises(Injected):
        faultpoints.reach(Point.T3)
    faultpoints.reach(Point.T3)


def test_a_fault_with_a_plus_goes_on() -> None:
    faultpoints.arm(faultpoints.parse("CP-T3=raise@2+"))

    faultpoints.reach(Point.T3)
    for _ in range(3):
        with pytest.raises(Injected):
            faultpoints.reach(Point.T3)


def test_a_lost_answer_is_what_its_place_says() -> None:
    faultpoints.arm(faultpoints.parse("CP-T3=drop"))

    with pytest.raises(AnswerLost):
        faultpoints.reach(Point.T3, AnswerLost)


def test_within_an_act_only_the_end_of_it_can_lose_the_answer() -> None:
    faultpoints.arm(faultpoints.parse("CP-B4=drop,CP-F1=raise"))

    faultpoints.begin(Point.B4)
    with pytest.raises(AnswerLost):
        faultpoints.answered(Point.B4, AnswerLost)
    with pytest.raises(Injected):
        faultpoints.begin(Point.F1)
    faultpoints.answered(Point.F1, AnswerLost)


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)])
def test_a_process_strikes_itself_and_says_so_first(action: str, number: int) -> None:
    script = (
        "from pawl.wire import faultpoints as f;"
        f"f.arm(f.parse('CP-P1={action}')); f.reach(f.Point.P1)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) as struck:
        assert struck.stderr is not None
        told = json.loads(struck.stderr.readline())
        if action == "stop":
            os.waitid(os.P_PID, struck.pid, os.WSTOPPED | os.WNOWAIT)
            struck.send_signal(signal.SIGCONT)
        struck.communicate(timeout=8)

    assert (told["event"], told["point"], told["action"]) == ("faultpoint", "CP-P1", action)
    assert struck.returncode == (-number if action == "kill" else 0)
