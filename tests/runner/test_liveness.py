"""A silent run is ended when it is idle, and not at once when it works."""

from datetime import timedelta

from services.runner.liveness import Silence, processor_seconds


class Machine:
    """A clock and a processor that are told what they show."""

    def __init__(self) -> None:
        self.now = 0.0
        self.used = 0.0
        self.silence = Silence(timedelta(seconds=10), 0.0, lambda: self.used)

    def ended_after(self, busy: bool, seconds: float = 100.0) -> float | None:
        while self.now < seconds:
            self.now += 0.5
            self.used += 0.5 if busy else 0.0001
            if self.silence.too_long(self.now):
                return self.now
        return None


def test_an_idle_run_ends_at_the_limit() -> None:
    assert Machine().ended_after(busy=False) == 10.0


def test_a_busy_run_is_given_the_limit_twice_more() -> None:
    assert Machine().ended_after(busy=True) == 30.0


def test_what_is_heard_starts_it_all_over() -> None:
    machine = Machine()
    machine.ended_after(busy=True, seconds=25)

    machine.silence.heard(25.0)

    assert machine.ended_after(busy=False) == 35.0


def test_the_processor_time_of_nobody_is_none() -> None:
    assert processor_seconds(2**22 + 1) == 0.0
