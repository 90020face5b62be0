"""What a defect or foul play costs a run, and what it costs no other."""

import os
import signal
from pathlib import Path

import grpc
import pytest

from pawl.v1 import runner_pb2 as pb
from services.runner import ending
from services.runner.keeper import census
from services.runner.launcher import Processes
from services.runner.runtimes.codex_reader import CodexReader
from services.runner.values import ProcessSeen, Receipt
from tests.runner.calls import FAILED, LOST, SUCCEEDED, listed, lives, refused, repo
from tests.runner.serving import JOB, Heard, Stub, eventually, follow, follow_until, request


async def test_a_defect_ends_its_run_and_no_other(
    runner: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, line: bytes) -> None:
        raise RuntimeError("secret detail")

    with monkeypatch.context() as patch:
        patch.setattr(CodexReader, "line", broken)
        heard = await follow(runner, request("stdout on", "silent 600"))

    assert (heard.end.outcome, heard.end.failure.reason) == (FAILED, "INTERNAL")
    assert "secret detail" not in str(heard.end)
    again = await follow(runner, request("say done", run_id=f"{JOB}/1/1"))
    assert again.end.outcome == SUCCEEDED


async def test_a_defect_that_is_met_once_costs_a_run_nothing(
    runner: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that had done all its work once failed for what a restart would have mended."""
    read, broken = CodexReader.line, [RuntimeError("only once")]

    def breaks_once(self: CodexReader, line: bytes) -> object:
        if broken and b"second" in line:
            raise broken.pop()
        return read(self, line)

    monkeypatch.setattr(CodexReader, "line", breaks_once)
    heard = await follow(runner, request("say first", "say second", "bytes 100000", "say third"))

    assert not broken
    assert heard.end.outcome == SUCCEEDED
    assert heard.end.stdout_bytes == len(heard.stdout)
    said = [one.text for one in heard.activities]
    assert [said.count(word) for word in ("first", "second", "third")] == [1, 1, 1]


async def test_a_run_that_garbled_its_records_is_lost_and_harms_no_other(
    runner: Stub, tmp_path: Path
) -> None:
    """Where agents are not isolated, one can write what it likes into its run's directory."""
    directory = tmp_path / "runner" / "runs" / f"{JOB}.1.0"
    garble = f"run for f in started ended; do echo garbage > {directory}/$f.json; done"

    heard = await follow(
        runner,
        request("audit ../agent", garble, "run kill -9 $(ps -o ppid= $PPID)", "silent 600"),
    )

    assert (heard.end.outcome, heard.end.failure.reason) == (LOST, "RUNNER_LOST")
    assert not lives(int((repo(tmp_path) / "../agent").read_text().split()[1]))
    again = await follow(runner, request("say done", run_id=f"{JOB}/1/1"))
    assert again.end.outcome == SUCCEEDED


async def test_a_process_that_could_not_be_ended_closes_the_runner_until_it_has_gone(
    runner: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = census.look(os.getpid())
    assert me is not None
    ghost = Receipt(survivors=(ProcessSeen(pid=me.pid, name=me.name),))
    monkeypatch.setattr(ending, "_receipt", lambda kept, end: ghost)
    await follow(runner, request("say done"))
    await runner.AckRun(pb.AckRunRequest(run_id=f"{JOB}/1/0", epoch=1))

    code, reason = await refused(runner, request("say done", run_id=f"{JOB}/1/1"))
    described = await runner.DescribeRunner(pb.DescribeRunnerRequest())
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert described.draining
    assert f"{me.name} ({me.pid})" in described.draining_reason

    monkeypatch.setattr(Processes, "lives", lambda self, process: False)
    heard = await follow(runner, request("say done", run_id=f"{JOB}/1/1"))
    assert heard.end.outcome == SUCCEEDED


async def test_one_that_kills_its_keeper_is_lost_and_leaves_nothing(
    runner: Stub, tmp_path: Path
) -> None:
    asked = request("fork-daemon ../pid", "stdout on", "silent 600")
    call, heard = runner.Run(asked), Heard()
    await follow_until(call, heard, lambda so_far: b"on" in so_far.stdout)
    daemon = int((repo(tmp_path) / "../pid").read_text())
    [directory] = (tmp_path / "runner" / "runs").iterdir()
    await eventually(lambda: daemon in listed(directory), "the daemon is never listed")

    keeper = census.look(daemon)
    assert keeper is not None
    os.kill(keeper.parent, signal.SIGKILL)
    await follow_until(call, heard, lambda so_far: so_far.finished)

    assert (heard.end.outcome, heard.end.failure.reason) == (LOST, "RUNNER_LOST")
    assert not lives(daemon)
