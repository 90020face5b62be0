"""How the runs of one job, and its owners, follow each other."""

from pathlib import Path

import grpc
import pytest

from pawl.v1 import runner_pb2 as pb
from pawl.wire.status import from_error
from tests.runner.calls import LOST, SUCCEEDED, lives, refused, repo
from tests.runner.serving import JOB, WORKSPACE, Heard, Stub, follow, follow_until, request


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
