"""What the page of runners makes of what the orchestrator tells."""

import pytest

from pawl.client import Runner
from services.dashboard.fleet import standing


@pytest.mark.parametrize(
    ("runner", "friendly"),
    [
        (Runner(reachable=False, slots=2, free_slots=2), "Unreachable"),
        (Runner(reachable=True, draining=True, slots=2, free_slots=2), "Takes no work"),
        (Runner(reachable=True, slots=2, free_slots=0), "Busy"),
        (Runner(reachable=True, slots=2, free_slots=1), "Serving"),
    ],
)
def test_a_runner_is_called_what_it_can_do_now(runner: Runner, friendly: str) -> None:
    assert standing(runner)[0] == friendly
