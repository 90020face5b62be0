"""What CancelRun promises, on real processes."""

import json
import os
import signal
from pathlib import Path

import grpc
import pytest

from pawl.wire.status import from_error
from tests.runner.calls import CANCELLED, SUCCEEDED, cancel, lives, repo
from tests.runner.serving import Heard, Stub, follow, follow_until, request


async def test_cancel_leaves_no_process_of_the_most_stubborn(runner: Stub, tmp_path: Path) -> None:
    script = ("ignore-signals", "fork-daemon ../daemon", "wait-for ../daemon", "stdout ready")
    asked = request(*script, "silent 600")
    heard = Heard()
    call = runner.Run(asked)
    await follow_until(call, heard, lambda so_far: b"ready" in so_far.stdout)
    daemon = int((repo(tmp_path) / "../daemon").read_text())
    assert lives(daemon)

    said = await cancel(runner)

    assert not lives(daemon)
    assert said.outcome == CANCELLED
    names = [sent.name for sent in said.receipt.signals]
    assert names[:3] == ["SIGINT", "SIGTERM", "SIGKILL"]
    assert [sent.pid for sent in said.receipt.signals if sent.target == "sweep"] == [daemon]
    assert daemon in [seen.pid for seen in said.receipt.before]
    assert not said.receipt.survivors
    await follow_until(call, heard, lambda so_far: so_far.finished)
    assert (heard.end.outcome, heard.end.receipt) == (CANCELLED, said.receipt)


async def test_cancel_ends_a_run_whose_keeper_was_stopped(runner: Stub, tmp_path: Path) -> None:
    """The agent and its keeper have one user: a stopped keeper once left the agent alive."""
    asked = request("fork-daemon ../pid", "stdout on", "silent 600")
    call, heard = runner.Run(asked), Heard()
    await follow_until(call, heard, lambda so_far: b"on" in so_far.stdout)
    daemon = int((repo(tmp_path) / "../pid").read_text())
    [directory] = (tmp_path / "runner" / "runs").iterdir()
    started = json.loads((directory / "started.json").read_text())
    os.kill(started["keeper"]["pid"], signal.SIGSTOP)

    said = await cancel(runner)

    assert said.outcome == CANCELLED
    assert not said.receipt.survivors
    assert not lives(daemon)
    assert not lives(started["process"]["pid"])
    call.cancel()


async def test_cancelling_again_tells_the_same(runner: Stub) -> None:
    call, heard = runner.Run(request("silent 600")), Heard()
    await follow_until(call, heard, lambda so_far: so_far.activities)

    first = await cancel(runner)

    assert await cancel(runner) == first
    call.cancel()


async def test_cancelling_what_has_ended_changes_nothing(runner: Stub) -> None:
    await follow(runner, request("say done"))

    said = await cancel(runner)

    assert (said.outcome, said.receipt.signals[:]) == (SUCCEEDED, [])


async def test_cancelling_what_is_not_here_is_refused(runner: Stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await cancel(runner)

    assert from_error(error.value).reason == "RUN_NOT_FOUND"
