"""How a run is stopped that goes beyond its limits."""

import re
from pathlib import Path

from tests.runner.calls import FAILED, SUCCEEDED, limited, repo
from tests.runner.serving import Heard, Stub, follow, follow_until, request


async def test_output_is_cut_exactly_at_its_limit(runner: Stub) -> None:
    heard = await follow(runner, limited("bytes 3000000", "silent 600", max_output_bytes=1_000_003))

    assert len(heard.stdout) + len(heard.stderr) == 1_000_003
    assert (heard.end.outcome, heard.end.failure.reason) == (FAILED, "OUTPUT_LIMIT")


async def test_a_cli_that_ends_at_once_after_too_much_output_has_failed_as_well(
    runner: Stub,
) -> None:
    heard = await follow(runner, limited("bytes 300000", max_output_bytes=100_000))

    assert len(heard.stdout) == 100_000
    assert heard.end.failure.reason == "OUTPUT_LIMIT"


async def test_a_capture_that_shrinks_stops_the_run(runner: Stub, tmp_path: Path) -> None:
    asked = request("bytes 100000", "wait-for ../read", "truncate-stdout", "sleep 60")
    heard, call = Heard(), runner.Run(asked)
    await follow_until(call, heard, lambda so_far: len(so_far.stdout) > 100_000)

    (repo(tmp_path) / "../read").touch()
    await follow_until(call, heard, lambda so_far: so_far.finished)

    assert heard.end.failure.reason == "RESULT_CORRUPT"


async def test_a_run_over_its_time_is_stopped(runner: Stub) -> None:
    heard = await follow(runner, limited("silent 600", step_timeout=0.3))

    assert (heard.end.outcome, heard.end.failure.reason) == (FAILED, "AGENT_TIMEOUT")
    assert "0.3 seconds" in heard.end.failure.message


async def test_a_silent_and_idle_run_is_stopped(runner: Stub) -> None:
    heard = await follow(runner, limited("silent 600", silence=1.2))

    assert heard.end.failure.reason == "AGENT_SILENT"
    assert "its limit. It said nothing, and it was idle. In the last " in heard.end.failure.message
    assert re.search(r"; python3? \(\d+\) waits", heard.end.failure.message)


async def test_a_silent_run_that_works_is_given_more_time(runner: Stub) -> None:
    busy = "run timeout 1.4 sh -c 'while :; do :; done'"

    heard = await follow(runner, limited(busy, "say done", silence=1))

    assert heard.end.outcome == SUCCEEDED


async def test_a_cli_that_said_its_result_and_stays_has_succeeded(runner: Stub) -> None:
    heard = await follow(runner, request("say done", "linger 600"))

    assert (heard.end.outcome, heard.end.final_message) == (SUCCEEDED, "done")
    assert heard.end.receipt.signals[0].name == "SIGINT"
