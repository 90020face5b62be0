"""Runs outlive the runner: killed with -9, asked to leave, or only cut off."""

import hashlib
import os
import signal
from pathlib import Path

import grpc
import pytest

from pawl.v1 import runner_pb2 as pb
from pawl.wire.status import from_error
from services.runner.keeper import census, record
from services.runner.run_record import RECORD
from tests.runner.serving import (
    WORKSPACE,
    Heard,
    RunnerProcess,
    eventually,
    follow,
    follow_until,
    prepare,
    request,
    serving,
)

# Each starts two processes that import everything a runner does.
pytestmark = pytest.mark.timeout(60)


def repo(tmp_path: Path) -> Path:
    return tmp_path / "runner" / "workspaces" / WORKSPACE / "repo"


def runs(pid: int) -> bool:
    process = census.look(pid)
    return process is not None and not process.ended


def the_run(tmp_path: Path) -> Path:
    [directory] = (tmp_path / "runner" / "runs").iterdir()
    return directory


async def test_a_runner_killed_in_mid_run_adopts_it_and_no_byte_is_lost_or_repeated(
    tmp_path: Path, repository: Path
) -> None:
    asked = request(
        "audit ../starts",
        "bytes 500000",
        "wait-for ../killed",
        "bytes 700000",
        "wait-for ../adopted",
        "bytes 300000",
        "say the end",
    )
    heard, runner = Heard(), RunnerProcess(tmp_path / "runner")
    async with runner.serving() as stub:
        await prepare(stub, repository)
        call = stub.Run(asked)
        await follow_until(call, heard, lambda so_far: len(so_far.stdout) > 200_000)
        await runner.kill()
        (repo(tmp_path) / "../killed").touch()
        call.cancel()

    async with runner.serving() as stub:
        call = stub.Run(heard.onwards(asked))
        await follow_until(call, heard, lambda so_far: len(so_far.stdout) > 1_200_000)
        (repo(tmp_path) / "../adopted").touch()
        await follow_until(call, heard, lambda so_far: so_far.finished)
        again = await follow(stub, asked)

    assert heard.end.outcome == pb.RUN_OUTCOME_SUCCEEDED
    assert heard.end.final_message == "the end"
    capture = (the_run(tmp_path) / "stdout").read_bytes()
    assert hashlib.sha256(heard.stdout).digest() == hashlib.sha256(capture).digest()
    assert (again.stdout, again.activities) == (heard.stdout, heard.activities)
    assert (repo(tmp_path) / "../starts").read_text().count("start") == 1
    first, second = heard.started
    assert (first.runner_id, first.start_time) == (second.runner_id, second.start_time)
    assert first.incarnation != second.incarnation


async def test_a_run_that_ended_while_no_runner_was_there_is_told_in_full(
    tmp_path: Path, repository: Path
) -> None:
    asked = request("wait-for ../killed", "bytes 400000", "fork-daemon ../pid", "say the end")
    heard, runner = Heard(), RunnerProcess(tmp_path / "runner")
    async with runner.serving() as stub:
        await prepare(stub, repository)
        call = stub.Run(asked)
        await follow_until(call, heard, lambda so_far: so_far.activities)
        await runner.kill()
        call.cancel()
    (repo(tmp_path) / "../killed").touch()
    await eventually((the_run(tmp_path) / record.ENDED).exists, "the run never ended")

    async with runner.serving() as stub:
        await follow(stub, asked, heard)

    assert heard.end.outcome == pb.RUN_OUTCOME_SUCCEEDED
    assert bytes(heard.stdout) == (the_run(tmp_path) / "stdout").read_bytes()
    assert [sent.target for sent in heard.end.receipt.signals] == ["sweep"]


async def test_what_a_killed_keeper_leaves_falls_to_the_runner_and_is_ended_and_collected(
    tmp_path: Path, repository: Path
) -> None:
    asked = request("fork-daemon ../pid", "stdout on", "silent 600")
    heard, runner = Heard(), RunnerProcess(tmp_path / "runner")
    async with runner.serving() as stub:
        await prepare(stub, repository)
        call = stub.Run(asked)
        await follow_until(call, heard, lambda so_far: b"on" in so_far.stdout)
        daemon = int((repo(tmp_path) / "../pid").read_text())
        started = record.read(the_run(tmp_path) / record.STARTED)
        assert started is not None
        os.kill(started["process"]["pid"], signal.SIGSTOP)  # it would end with its keeper
        os.kill(started["keeper"]["pid"], signal.SIGKILL)
        await follow_until(call, heard, lambda so_far: so_far.finished)
        left = [census.look(pid) for pid in census.children(runner.pid)]

    assert heard.end.outcome == pb.RUN_OUTCOME_LOST
    assert not runs(daemon)
    assert daemon in {one.pid for one in heard.end.receipt.before}
    assert [(one.pid, one.name) for one in left if one is not None] == []
    assert list(heard.end.receipt.after) == []


async def test_a_torn_journal_is_mended_from_the_capture(tmp_path: Path, repository: Path) -> None:
    asked = request("bytes 400000", "wait-for ../killed", "say the end")
    heard, runner = Heard(), RunnerProcess(tmp_path / "runner")
    async with runner.serving() as stub:
        await prepare(stub, repository)
        call = stub.Run(asked)
        await follow_until(call, heard, lambda so_far: len(so_far.stdout) > 400_000)
        await runner.kill()
        call.cancel()
    journal = the_run(tmp_path) / "journal"
    os.truncate(journal, journal.stat().st_size - 1234)
    (repo(tmp_path) / "../killed").touch()

    async with runner.serving() as stub:
        again = await follow(stub, asked)

    assert bytes(again.stdout) == (the_run(tmp_path) / "stdout").read_bytes()
    assert again.activities[: len(heard.activities)] == heard.activities
    assert again.end.outcome == pb.RUN_OUTCOME_SUCCEEDED


async def test_a_run_whose_keeper_and_runner_were_killed_is_lost_and_leaves_nothing(
    tmp_path: Path, repository: Path
) -> None:
    asked = request("fork-daemon ../pid", "stdout on", "silent 600")
    heard, runner = Heard(), RunnerProcess(tmp_path / "runner")
    async with runner.serving() as stub:
        await prepare(stub, repository)
        call = stub.Run(asked)
        await follow_until(call, heard, lambda so_far: b"on" in so_far.stdout)
        daemon = (repo(tmp_path) / "../pid").read_text().strip()
        await runner.kill()
        call.cancel()
    # It may not be in its keeper's list yet: its mark tells of it.
    started = record.read(the_run(tmp_path) / record.STARTED)
    assert started is not None
    os.kill(started["keeper"]["pid"], signal.SIGKILL)

    async with runner.serving() as stub:
        # Before anything was asked: whoever is served finds no agent that nobody holds.
        left = [pid for pid in (int(daemon), started["process"]["pid"]) if runs(pid)]
        await follow(stub, asked, heard)

    assert left == []
    assert heard.end.outcome == pb.RUN_OUTCOME_LOST
    before = {one.pid: one.found_by for one in heard.end.receipt.before}
    assert "mark" in before[int(daemon)]
    assert list(heard.end.receipt.survivors) == []


async def test_a_run_whose_record_cannot_be_read_is_ended_before_anybody_is_served(
    tmp_path: Path, repository: Path
) -> None:
    """Its directory used to be removed, and its agent went on with nobody to know of it."""
    asked = request("fork-daemon ../pid", "stdout on", "silent 600")
    heard, runner = Heard(), RunnerProcess(tmp_path / "runner")
    async with runner.serving() as stub:
        await prepare(stub, repository)
        call = stub.Run(asked)
        await follow_until(call, heard, lambda so_far: b"on" in so_far.stdout)
        daemon = (repo(tmp_path) / "../pid").read_text().strip()
        started = record.read(the_run(tmp_path) / record.STARTED)
        await runner.kill()
        call.cancel()
    assert started is not None
    (the_run(tmp_path) / RECORD).write_text("garbled")

    async with runner.serving() as stub:
        left = [pid for pid in (int(daemon), started["process"]["pid"]) if runs(pid)]
        described = await stub.DescribeRunner(pb.DescribeRunnerRequest())

    assert left == []
    assert not described.draining
    assert not list((tmp_path / "runner" / "runs").iterdir())


async def test_a_run_that_was_recorded_and_never_started_is_started_when_asked_again(
    tmp_path: Path, repository: Path
) -> None:
    """A runner that died between its record and its keeper must not cost an attempt."""
    asked, runner = request("say done"), RunnerProcess(tmp_path / "runner")
    async with runner.serving() as stub:
        await prepare(stub, repository)
        await follow(stub, asked)
        await runner.kill()
    for name in ("journal", record.STARTED, record.ENDED):
        (the_run(tmp_path) / name).unlink()

    async with runner.serving() as stub:
        heard = await follow(stub, asked)

    assert heard.end.outcome == pb.RUN_OUTCOME_SUCCEEDED


async def test_a_runner_that_leaves_ends_its_streams_and_leaves_the_runs(
    tmp_path: Path, repository: Path
) -> None:
    asked = request("stdout on", "wait-for ../go", "say done")
    heard, runner = Heard(), RunnerProcess(tmp_path / "runner")
    async with runner.serving() as stub:
        await prepare(stub, repository)
        call = stub.Run(asked)
        await follow_until(call, heard, lambda so_far: b"on" in so_far.stdout)
        await runner.kill(signal.SIGTERM)

        with pytest.raises(grpc.aio.AioRpcError) as error:
            await follow_until(call, heard, lambda so_far: so_far.finished)
    (repo(tmp_path) / "../go").touch()

    async with runner.serving() as stub:
        await follow(stub, asked, heard)

    assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    assert from_error(error.value).reason == "LEAVING"
    assert heard.end.outcome == pb.RUN_OUTCOME_SUCCEEDED


async def test_epochs_and_slots_survive_a_kill(tmp_path: Path, repository: Path) -> None:
    runner = RunnerProcess(tmp_path / "runner", PAWL_SLOTS="1")
    async with runner.serving() as stub:
        await prepare(stub, repository, epoch=7)
        before = await stub.DescribeRunner(pb.DescribeRunnerRequest())
        await runner.kill()

    async with runner.serving() as stub:
        after = await stub.DescribeRunner(pb.DescribeRunnerRequest())
        with pytest.raises(grpc.aio.AioRpcError) as stale:
            await follow(stub, request("say done", epoch=6))

    assert list(after.workspace_ids) == list(before.workspace_ids) == [WORKSPACE]
    assert after.free_slots == 0
    assert after.runner_id == before.runner_id
    assert after.incarnation != before.incarnation
    assert from_error(stale.value).reason == "STALE_EPOCH"


async def test_what_a_killed_runner_left_of_its_questions_to_clis_is_removed(
    tmp_path: Path,
) -> None:
    """Forty folders were once found in the system's place for temporary files after a night."""
    left = tmp_path / "runner" / "probes" / "pawl-card-x" / "home"
    left.mkdir(parents=True)

    async with serving(tmp_path / "runner"):
        assert not left.exists()
