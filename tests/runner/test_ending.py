"""How a run ended, for each way its process can end."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from services.runner import ending
from services.runner.keeper.record import Ended
from services.runner.runtimes.runtime import Verdict
from services.runner.values import Exit, Failure, Finished, Limits, Outcome, ProcessSeen, Usage

LIMITS = Limits(
    step_timeout=timedelta(seconds=60), silence=timedelta(seconds=9), max_output_bytes=77
)
NOTHING_DONE = {"signals": [], "before": [], "survivors": [], "duration": 0.0}


def kept(**changes: object) -> Ended:
    plain: dict[str, object] = {
        "exit_code": 0,
        "exit_signal": None,
        "error": "",
        "stop": None,
        "out_of_memory": False,
        "started": "2031-01-01T00:00:00+00:00",
        "ended": "2031-01-01T00:00:02+00:00",
        "duration": 2.0,
        "receipt": NOTHING_DONE,
    }
    return cast("Ended", plain | changes)


def finished_of(record: Ended, noticed: str | None = None) -> Finished:
    return ending.ended(
        record, noticed=noticed, limits=LIMITS, verdict=verdict, usage=Usage(input_tokens=3)
    )


def verdict(end: Exit, dismissed: bool) -> Verdict:
    """What a CLI means that says its result and exits with 0 when all is well."""
    well = end.code == 0 or dismissed
    return Verdict(
        succeeded=well,
        failure=None if well else Failure(reason="AGENT_EXIT", message="m", remedy="r"),
        final_message="bye",
        usage=Usage(input_tokens=5),
        reset_time=None,
    )


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({}, Outcome.SUCCEEDED, ""),
        ({"exit_code": 1}, Outcome.FAILED, "AGENT_EXIT"),
        ({"exit_code": 130, "stop": "lingered"}, Outcome.SUCCEEDED, ""),
        ({"stop": "cancelled"}, Outcome.CANCELLED, ""),
        ({"stop": "closed"}, Outcome.CANCELLED, ""),
        ({"stop": "timeout"}, Outcome.FAILED, "AGENT_TIMEOUT"),
        ({"stop": "silent"}, Outcome.FAILED, "AGENT_SILENT"),
        ({"stop": "output"}, Outcome.FAILED, "OUTPUT_LIMIT"),
        ({"stop": "corrupt"}, Outcome.FAILED, "RESULT_CORRUPT"),
        ({"stop": "storage"}, Outcome.FAILED, "STORAGE_FULL"),
        ({"stop": "broken"}, Outcome.FAILED, "INTERNAL"),
        ({"stop": "orphaned"}, Outcome.LOST, "RUNNER_LOST"),
        ({"stop": "superseded"}, Outcome.LOST, "RUNNER_LOST"),
        ({"stop": "keeper_signalled"}, Outcome.LOST, "RUNNER_LOST"),
        (
            {"exit_code": None, "exit_signal": 9, "out_of_memory": True},
            Outcome.FAILED,
            "AGENT_OOM",
        ),
        (
            {"exit_code": None, "error": "cannot start x: No such file or directory"},
            Outcome.FAILED,
            "AGENT_UNAVAILABLE",
        ),
    ],
    ids=str,
)
def test_each_end_has_its_outcome_and_reason(
    changes: dict[str, object], outcome: Outcome, reason: str
) -> None:
    finished = finished_of(kept(**changes))

    assert finished.outcome is outcome
    assert (finished.failure.reason if finished.failure else "") == reason
    assert (finished.failure is None) == (outcome in {Outcome.SUCCEEDED, Outcome.CANCELLED})


def test_what_the_runner_noticed_counts_though_the_cli_had_ended_well() -> None:
    finished = finished_of(kept(), noticed="output")

    assert finished.failure is not None
    assert finished.failure.reason == "OUTPUT_LIMIT"
    assert "77 bytes" in finished.failure.message


def test_what_was_used_is_told_of_a_stopped_run_too() -> None:
    finished = finished_of(kept(stop="timeout", exit_code=1))

    assert finished.usage == Usage(input_tokens=3)


def test_the_receipt_is_the_keepers() -> None:
    receipt = {
        "signals": [
            {"signal": "SIGINT", "time": "2031-01-01T00:00:00+00:00", "target": "group", "pid": 7}
        ],
        "before": [{"pid": 7, "start_time": 1, "name": "sh"}],
        "survivors": [{"pid": 8, "start_time": 2, "name": "d"}],
        "duration": 1.5,
    }

    finished = finished_of(kept(stop="cancelled", receipt=receipt))

    assert finished.receipt is not None
    assert finished.receipt.survivors == (ProcessSeen(pid=8, name="d", start_time=2),)
    assert finished.receipt.signals[0].time == datetime(2031, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["short", "é" * 9_000, "a" * 100_000, "x\udcff"])
def test_a_final_message_fits_whatever_it_holds(text: str) -> None:
    assert len(ending.shortened(text).encode()) <= 16 * 1024
