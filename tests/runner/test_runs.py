"""What `Run` and its neighbours promise about one run, on real processes."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path

import grpc
import pytest

from pawl.v1 import runner_pb2 as pb
from pawl.wire.status import from_error
from services.runner import ending
from services.runner.keeper import census, record
from services.runner.launcher import Processes
from services.runner.runtimes.codex_reader import CodexReader
from services.runner.values import ProcessSeen, Receipt
from tests.runner.serving import (
    JOB,
    WORKSPACE,
    Heard,
    Stub,
    eventually,
    follow,
    follow_until,
    prepare,
    request,
    serving,
    spec,
)

SUCCEEDED, FAILED, CANCELLED, LOST = (
    pb.RUN_OUTCOME_SUCCEEDED,
    pb.RUN_OUTCOME_FAILED,
    pb.RUN_OUTCOME_CANCELLED,
    pb.RUN_OUTCOME_LOST,
)


def repo(tmp_path: Path) -> Path:
    return tmp_path / "runner" / "workspaces" / WORKSPACE / "repo"


def limited(*directives: str, **limits: float) -> pb.RunRequest:
    """A request with other limits than a test's usual ones."""
    asked = request(*directives)
    asked.spec.CopyFrom(spec(asked.spec.prompt, **limits))
    return asked


async def refused(stub: Stub, asked: pb.RunRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await follow(stub, asked)
    return error.value.code(), from_error(error.value).reason


async def cancel(stub: Stub, epoch: int = 1, run_id: str = f"{JOB}/1/0") -> pb.CancelRunResponse:
    return await stub.CancelRun(pb.CancelRunRequest(run_id=run_id, epoch=epoch))


def listed(directory: Path) -> list[int]:
    """The processes that a run's keeper has written down so far."""
    found = record.read(directory / record.PROCESSES) or {"processes": []}
    return [process["pid"] for process in found["processes"]]


def lives(pid: int) -> bool:
    process = census.look(pid)
    return process is not None and not process.ended


async def test_a_run_is_followed_from_its_start_to_its_end(runner: Stub, tmp_path: Path) -> None:
    heard = await follow(runner, request("write new.txt hello", "say all done"))

    assert [begun.version for begun in heard.started] == ["0.0.0-scripted"]
    assert heard.end.outcome == SUCCEEDED
    assert heard.end.exit_code == 0
    assert heard.end.final_message == "all done"
    assert heard.end.usage.input_tokens > 0
    assert heard.end.stdout_bytes == len(heard.stdout)
    assert heard.end.activity_count == len(heard.activities) > 0
    assert (repo(tmp_path) / "new.txt").read_text() == "hello"


async def test_a_failing_agent_ends_its_stream_with_ok(runner: Stub) -> None:
    heard = await follow(runner, request("stderr oh no", "exit 3"))

    assert (heard.end.outcome, heard.end.exit_code) == (FAILED, 3)
    assert heard.end.failure.reason == "AGENT_EXIT"
    assert bytes(heard.stderr) == b"oh no\n"


async def test_an_end_by_signal_is_told_apart(runner: Stub) -> None:
    heard = await follow(runner, request("signal KILL"))

    assert (heard.end.outcome, heard.end.signal) == (FAILED, signal.SIGKILL)
    assert not heard.end.HasField("exit_code")
    assert heard.end.failure.reason == "AGENT_SIGNALLED"


async def test_asking_again_attaches_and_starts_nothing(runner: Stub, tmp_path: Path) -> None:
    asked = request("audit ../starts", "bytes 100000", "wait-for ../go", "say bye")
    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(follow(runner, asked)) for _ in range(3)]
        await eventually((repo(tmp_path) / "../starts").exists, "the agent never started")
        (repo(tmp_path) / "../go").touch()

    first, *others = [reader.result() for reader in readers]
    again = await follow(runner, asked)

    assert all(other.stdout == first.stdout for other in (*others, again))
    assert all(other.activities == first.activities for other in (*others, again))
    assert (repo(tmp_path) / "../starts").read_text().count("start") == 1


async def test_a_reader_gets_what_follows_its_position(runner: Stub) -> None:
    asked = request("bytes 300000", "say bye")
    whole = await follow(runner, asked)
    asked.stdout_offset, asked.activity_index = 123_457, 2

    rest = Heard(stdout=bytearray(whole.stdout[:123_457]), activities=list(whole.activities[:2]))
    await follow(runner, asked, rest)

    assert (rest.stdout, rest.activities) == (whole.stdout, whole.activities)


async def test_a_lost_stream_does_not_stop_the_run(runner: Stub, tmp_path: Path) -> None:
    asked, heard = request("bytes 50000", "wait-for ../go", "say bye"), Heard()
    call = runner.Run(asked)
    await follow_until(call, heard, lambda so_far: len(so_far.stdout) > 50_000)

    call.cancel()
    (repo(tmp_path) / "../go").touch()
    await follow(runner, asked, heard)

    assert heard.end.outcome == SUCCEEDED


async def test_a_line_of_five_megabytes_comes_whole_in_small_messages(runner: Stub) -> None:
    heard = await follow(runner, request("line 5000000", "say after it"))

    assert max(map(len, heard.stdout.split(b"\n"))) > 4_999_000
    assert heard.largest <= 64 * 1024
    assert heard.end.final_message == "after it"


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


async def test_silence_is_filled_with_heartbeats(runner: Stub) -> None:
    heard = Heard()
    call = runner.Run(request("silent 600"))

    await follow_until(call, heard, lambda so_far: so_far.heartbeats == 2)

    assert heard.finished is None
    call.cancel()


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


async def test_attaching_starts_nothing(runner: Stub) -> None:
    asked = request("say done", attach_only=True)

    assert await refused(runner, asked) == (grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND")


async def test_another_spec_under_the_same_id_is_refused(runner: Stub) -> None:
    await follow(runner, request("say done"))

    code = grpc.StatusCode.FAILED_PRECONDITION
    assert await refused(runner, request("say other")) == (code, "RUN_SPEC_MISMATCH")


async def test_a_position_behind_the_end_is_refused(runner: Stub) -> None:
    await follow(runner, request("say done"))

    asked = request("say done", stdout_offset=1 << 30)
    assert await refused(runner, asked) == (grpc.StatusCode.OUT_OF_RANGE, "AFTER_END")


async def test_a_workspace_that_is_not_here_is_refused(runner: Stub) -> None:
    asked = request("say done", workspace_id=f"{JOB}/9")

    assert await refused(runner, asked) == (grpc.StatusCode.NOT_FOUND, "WORKSPACE_NOT_FOUND")


@pytest.mark.parametrize("runtime", ["gemini", "cobol"])
async def test_a_runtime_that_is_not_here_is_refused(runner: Stub, runtime: str) -> None:
    asked = request("say done")
    asked.spec.runtime = runtime

    code = grpc.StatusCode.FAILED_PRECONDITION
    assert await refused(runner, asked) == (code, "RUNTIME_UNAVAILABLE")


async def test_every_broken_field_is_named_at_once(runner: Stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await follow(runner, pb.RunRequest(run_id="../../etc", activity_index=-1))

    said = from_error(error.value)
    assert said.reason == "REQUEST_INVALID"
    assert [violation.field for violation in said.violations] == [
        "run_id",
        "epoch",
        "workspace_id",
        "spec.runtime",
        "spec.prompt",
        "spec.max_output_bytes",
        "spec.step_timeout",
        "spec.silence",
        "activity_index",
    ]


async def test_an_older_epoch_is_refused_by_every_call(runner: Stub) -> None:
    await follow(runner, request("say done", epoch=5))

    async def checkpoint() -> None:
        async for _ in runner.Checkpoint(pb.CheckpointRequest(workspace_id=WORKSPACE, epoch=4)):
            pass

    for call in (
        follow(runner, request("say done", epoch=4)),
        runner.CancelRun(pb.CancelRunRequest(run_id=f"{JOB}/1/0", epoch=4)),
        runner.KeepRun(pb.KeepRunRequest(run_id=f"{JOB}/1/0", epoch=4)),
        runner.AckRun(pb.AckRunRequest(run_id=f"{JOB}/1/0", epoch=4)),
        runner.CloseWorkspace(pb.CloseWorkspaceRequest(workspace_id=WORKSPACE, epoch=4)),
        checkpoint(),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
        assert error.value.code() is grpc.StatusCode.ABORTED
        assert from_error(error.value).reason == "STALE_EPOCH"


async def test_a_newer_epoch_takes_the_stream_over(runner: Stub, tmp_path: Path) -> None:
    asked = request("wait-for ../go", "say done")
    older, heard = runner.Run(asked), Heard()
    await follow_until(older, heard, lambda so_far: so_far.started)
    newer = runner.Run(request("wait-for ../go", "say done", epoch=2))
    await newer.read()

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await follow_until(older, heard, lambda so_far: so_far.finished)

    assert from_error(error.value).reason == "STALE_EPOCH"
    (repo(tmp_path) / "../go").touch()
    assert (await follow(runner, request("wait-for ../go", "say done", epoch=2))).end.outcome == 1
    newer.cancel()


async def test_a_higher_attempt_ends_the_lower_one_first(runner: Stub, tmp_path: Path) -> None:
    first, heard = runner.Run(request("fork-daemon ../pid", "stdout on", "silent 600")), Heard()
    await follow_until(first, heard, lambda so_far: b"on" in so_far.stdout)
    daemon = int((repo(tmp_path) / "../pid").read_text())

    second = await follow(runner, request("say done", run_id=f"{JOB}/2/0", epoch=2))

    assert second.end.outcome == SUCCEEDED
    assert not lives(daemon)
    ended = await follow(runner, request("fork-daemon ../pid", "stdout on", "silent 600", epoch=2))
    assert (ended.end.outcome, ended.end.failure.reason) == (LOST, "RUNNER_LOST")
    first.cancel()


async def test_another_step_waits_for_the_one_before(runner: Stub) -> None:
    call, heard = runner.Run(request("silent 600")), Heard()
    await follow_until(call, heard, lambda so_far: so_far.activities)

    asked = request("say done", run_id=f"{JOB}/1/1")

    assert await refused(runner, asked) == (grpc.StatusCode.FAILED_PRECONDITION, "RUN_ALIVE")
    call.cancel()


async def test_a_run_that_is_alive_is_neither_forgotten_nor_snapshot(runner: Stub) -> None:
    call, heard = runner.Run(request("silent 600")), Heard()
    await follow_until(call, heard, lambda so_far: so_far.activities)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await runner.AckRun(pb.AckRunRequest(run_id=f"{JOB}/1/0", epoch=1))
    assert from_error(error.value).reason == "RUN_ALIVE"
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await runner.Checkpoint(pb.CheckpointRequest(workspace_id=WORKSPACE, epoch=1)).read()
    assert from_error(error.value).reason == "RUN_ALIVE"
    call.cancel()


async def test_an_acknowledged_run_is_forgotten(runner: Stub, tmp_path: Path) -> None:
    await follow(runner, request("say done"))
    listed = await runner.ListRuns(pb.ListRunsRequest())

    for _ in range(2):
        await runner.AckRun(pb.AckRunRequest(run_id=f"{JOB}/1/0", epoch=1))

    assert [(run.run_id, run.finished, run.outcome) for run in listed.runs] == [
        (f"{JOB}/1/0", True, SUCCEEDED)
    ]
    assert not (await runner.ListRuns(pb.ListRunsRequest())).runs
    assert list((tmp_path / "runner" / "runs").iterdir()) == []


async def test_a_secret_is_masked_wherever_the_agent_says_it(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    async with serving(tmp_path / "runner") as stub:
        await prepare(stub, repository)

        heard = await follow(
            stub,
            request(
                "stdout sk-canary-0123456789",
                "stderr sk-canary-0123456789",
                "say sk-canary-0123456789",
            ),
        )

    everything = b"".join(path.read_bytes() for path in (tmp_path / "runner/runs").rglob("journal"))
    told = bytes(heard.stdout + heard.stderr) + str(heard).encode()
    assert b"canary" not in told + everything
    assert bytes(heard.stderr) == b"*" * 20 + b"\n"


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
