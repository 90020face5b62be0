"""A silent run is ended when it is idle, and not at once when it works."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from services.runner.liveness import Silence
from services.runner.vitals import Progress, Vitals, vitals

AGENT = (7, 70)


class Machine:
    """A clock and a run that are told what they show."""

    def __init__(self) -> None:
        self.now = 0.0
        self.processor = 0.0
        self.moved = 0
        self.children = 0
        self.running: tuple[str, ...] = ()
        self.stuck: tuple[str, ...] = ()
        self.silence = Silence(timedelta(seconds=10), 0.0, self.look)

    def look(self) -> Vitals:
        child = {(100 + self.children, 0): 0.0} if self.children else {}
        return Vitals(
            processor={AGENT: self.processor, **child},
            moved={AGENT: self.moved},
            waits=("node (7) waits in ep_poll",),
            running=self.running,
            stuck=self.stuck,
        )

    def ended_after(self, work: str = "", seconds: float = 100.0) -> float | None:
        while self.now < seconds:
            self.now += 0.5
            self.processor += 0.5 if work == "processor" else 0.0001
            self.moved += 4096 if work == "bytes" else 1
            self.children += work == "children"
            self.running = ("cc1",) if work == "starved" else ()
            self.stuck = ("cp",) if work == "disk" else ()
            if self.silence.too_long(self.now):
                return self.now
        return None


def test_an_idle_run_ends_at_the_limit() -> None:
    machine = Machine()

    assert machine.ended_after() == 10.0

    assert machine.silence.seen == (
        "It said nothing, and it was idle. In the last 5 s its 1 process used 0.00 s of processor "
        "time, read and wrote 10 bytes, and 0 began and 0 ended; node (7) waits in ep_poll."
    )


@pytest.mark.parametrize("work", ["processor", "starved", "bytes", "children", "disk"])
def test_a_run_at_work_is_given_the_limit_twice_more(work: str) -> None:
    machine = Machine()

    assert machine.ended_after(work) == 30.0

    assert machine.silence.seen.startswith("It said nothing for 3 times that, and it ")
    assert "idle" not in machine.silence.seen


def test_what_is_heard_starts_it_all_over() -> None:
    machine = Machine()
    machine.ended_after("processor", seconds=25)

    machine.silence.heard(25.0)

    assert machine.ended_after() == 35.0


def test_nobody_has_no_vitals() -> None:
    nobody = vitals(2**22 + 1)

    assert (nobody.processor, nobody.moved, nobody.waits) == ({}, {}, ())
    assert Progress.between(nobody, nobody, 1.0).told() == "No process of it was to be seen."


BUSY = "while True: pass"
READS = "import time\nwhile open('/dev/zero', 'rb').read(65536): time.sleep(0.005)"
FORKS = "import subprocess\nwhile True: subprocess.run(['sleep', '0.05'])"
SLEEPS = "import time; time.sleep(600)"
STOPS = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"


@contextmanager
def below_a_keeper(script: str) -> Iterator[int]:
    """The pid of a process that has one child, which does as the script says."""
    holder = subprocess.Popen(
        [sys.executable, "-S", "-c", HOLDER, script], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        yield holder.pid
    finally:
        os.kill(child, 9)
        holder.kill()
        holder.wait()
        holder.stdout.close()


HOLDER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (BUSY, "used the processor"),
        (READS, "read or wrote"),
        (FORKS, "started or ended processes"),
    ],
)
def test_work_of_a_real_process_is_seen(script: str, reason: str) -> None:
    with below_a_keeper(script) as root:
        before, deadline = vitals(root), time.monotonic() + 8
        while reason not in Progress.between(before, vitals(root), 1.0).reasons:
            assert time.monotonic() < deadline, "its work is never seen"


@pytest.mark.parametrize(
    ("script", "says"), [(SLEEPS, " waits"), (STOPS, " is stopped by a signal")]
)
def test_an_idle_process_is_idle_and_told_where_it_is(script: str, says: str) -> None:
    with below_a_keeper(script) as root:
        deadline = time.monotonic() + 8
        while says not in "".join(vitals(root).waits) and time.monotonic() < deadline:
            continue
        settled(root)
        before = vitals(root)
        time.sleep(0.3)  # what did not happen for so long is what is asserted
        progress = Progress.between(before, vitals(root), 0.3)

    assert progress.reasons == ()
    assert says in progress.told()


def settled(root: int) -> None:
    """Returns once a starting interpreter has nothing left to do."""
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        before = vitals(root)
        time.sleep(0.05)
        if not Progress.between(before, vitals(root), 0.05).reasons:
            return
