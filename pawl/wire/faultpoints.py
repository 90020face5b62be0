"""Places where a test can make a service die, stop, fail or lose an answer.

They are named by what lies on either side of them, as docs/decisions/faultpoints.md lists them.
Nothing is armed unless `PAWL_FAULTPOINTS` says so; a place that is not armed costs a look at
an empty table.
"""

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, auto


class Point(StrEnum):
    """Every place. The names are stable: schedules of faults are kept and replayed."""

    S1 = "CP-S1"
    S2 = "CP-S2"
    C1 = "CP-C1"
    C2 = "CP-C2"
    P1 = "CP-P1"
    P2 = "CP-P2"
    P3 = "CP-P3"
    T1 = "CP-T1"
    T2 = "CP-T2"
    T3 = "CP-T3"
    T4 = "CP-T4"
    T5 = "CP-T5"
    T6 = "CP-T6"
    T7 = "CP-T7"
    T8 = "CP-T8"
    T9 = "CP-T9"
    T10 = "CP-T10"
    T11 = "CP-T11"
    B1 = "CP-B1"
    B2 = "CP-B2"
    B3 = "CP-B3"
    B4 = "CP-B4"
    B5 = "CP-B5"
    B6 = "CP-B6"
    B7 = "CP-B7"
    B8 = "CP-B8"
    F1 = "CP-F1"
    F2 = "CP-F2"
    F3 = "CP-F3"


class Action(StrEnum):
    """What is done at a place."""

    KILL = auto()
    """The process kills itself: nothing behind the place happens."""
    STOP = auto()
    """The process stops as by SIGSTOP, until somebody continues it."""
    RAISE = auto()
    """`Injected` is raised."""
    DROP = auto()
    """What was just done stays done, but its answer is lost."""


class Injected(Exception):
    """A fault that was asked for."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One place with its action, at the n-th time it is reached, or from then on."""

    point: Point
    action: Action
    nth: int = 1
    onwards: bool = False


_FORM = re.compile(
    r"(?P<point>CP-[A-Z]\d+)=(?P<action>[a-z]+)(?:@(?P<nth>[1-9]\d{0,5})(?P<on>\+)?)?"
)

_armed: dict[Point, Fault] = {}
_reached: dict[Point, int] = {}
_lock = threading.Lock()


def parse(text: str) -> tuple[Fault, ...]:
    """Reads ``CP-T3=kill@5,CP-C2=drop@1+``. Raises ValueError that names the word at fault."""
    return tuple(_fault(word.strip()) for word in text.split(",") if word.strip())


def arm(faults: tuple[Fault, ...]) -> None:
    """Makes these faults happen, and no others."""
    with _lock:
        _armed.clear()
        _reached.clear()
        _armed.update({fault.point: fault for fault in faults})


def reach(point: Point, lost: Callable[[str], Exception] = Injected) -> None:
    """Does here what was asked for at `point`.

    `lost` makes, of a sentence, the error that the caller would see, had the answer to what
    it has just done been lost.
    """
    if _armed:
        _strike(point, lost)


def begin(point: Point) -> None:
    """For a place within an act: `reach` without `drop`, which belongs behind the act."""
    if _armed:
        _strike(point, None)


def answered(point: Point, lost: Callable[[str], Exception]) -> None:
    """Behind the act that `begin` stands in: loses its answer where that was asked for."""
    if _armed and (fault := _armed.get(point)) and fault.action is Action.DROP:
        _strike(point, lost)


def _strike(point: Point, lost: Callable[[str], Exception] | None) -> None:
    fault = _armed.get(point)
    if fault is None or (fault.action is Action.DROP and lost is None):
        return
    with _lock:
        hit = _reached[point] = _reached.get(point, 0) + 1
    if hit != fault.nth and not (fault.onwards and hit > fault.nth):
        return
    _tell(fault, hit)
    match fault.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Action.RAISE:
            raise Injected(f"asked for at {point}")
        case Action.DROP if lost is not None:
            raise lost(f"its answer was lost at {point}")


def _tell(fault: Fault, hit: int) -> None:
    """To standard error at once: what a logger holds back would die with the process."""
    line = {
        "event": "faultpoint",
        "point": fault.point,
        "action": fault.action,
        "hit": hit,
        "pid": os.getpid(),
    }
    os.write(2, f"{json.dumps(line)}\n".encode())


def _fault(word: str) -> Fault:
    form = _FORM.fullmatch(word)
    if form is None or form["point"] not in set(Point) or form["action"] not in set(Action):
        raise ValueError(
            f"{word!r} is no fault: write POINT=ACTION or POINT=ACTION@N, such as CP-T3=kill@5;"
            f" actions are {', '.join(Action)}"
        )
    nth = int(form["nth"] or 1)
    return Fault(Point(form["point"]), Action(form["action"]), nth, bool(form["on"]))
