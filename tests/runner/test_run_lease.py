"""How long a run lives that nobody keeps: its lease, by the runner's own clock."""

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path

import grpc
import pytest

from pawl.v1 import runner_pb2 as pb
from pawl.wire.status import from_error
from tests.runner.conftest import end_all
from tests.runner.serving import (
    JOB,
    WORKSPACE,
    Heard,
    Stub,
    follow,
    follow_until,
    prepare,
    request,
    serving,
)

RUN = f"{JOB}/1/0"
LOST = pb.RUN_OUTCOME_LOST


async def keep(stub: Stub, token: str = "") -> pb.KeepRunResponse:
    return await stub.KeepRun(pb.KeepRunRequest(run_id=RUN, epoch=1, token=token))


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), from_error(error.value).reason


async def test_a_run_nobody_keeps_is_ended_although_its_stream_is_open(
    tmp_path: Path, repository: Path
) -> None:
    async with serving(tmp_path / "runner", orphan_seconds=0.6) as stub:
        await prepare(stub, repository)
        heard = await follow(stub, request("silent 600"))

    assert (heard.end.outcome, heard.end.failure.reason) == (LOST, "RUNNER_LOST")


async def test_a_run_that_is_kept_goes_on_with_no_stream_open(
    tmp_path: Path, repository: Path
) -> None:
    async with serving(tmp_path / "runner", orphan_seconds=2.5) as stub:
        await prepare(stub, repository)
        call, heard = stub.Run(request("silent 600")), Heard()
        await follow_until(call, heard, lambda so_far: so_far.started)
        call.cancel()

        token = (await keep(stub)).token
        until = time.monotonic() + 4
        while time.monotonic() < until:
            token = (await keep(stub, token)).token
            listed = await stub.ListRuns(pb.ListRunsRequest())
            assert [run.finished for run in listed.runs] == [False]
            await asyncio.sleep(0.1)

        await end_all(stub)


async def test_an_old_token_keeps_nothing(tmp_path: Path, repository: Path) -> None:
    async with serving(tmp_path / "runner", orphan_seconds=2.0) as stub:
        await prepare(stub, repository)
        call, heard = stub.Run(request("silent 600")), Heard()
        await follow_until(call, heard, lambda so_far: so_far.started)
        token = (await keep(stub)).token

        while not (await stub.ListRuns(pb.ListRunsRequest())).runs[0].finished:
            await keep(stub, token)
            await asyncio.sleep(0.05)
        await follow_until(call, heard, lambda so_far: so_far.finished)

    assert (heard.end.outcome, heard.end.failure.reason) == (LOST, "RUNNER_LOST")


async def test_what_is_no_token_is_refused(runner: Stub) -> None:
    assert await refused(keep(runner, "soon")) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "REQUEST_INVALID",
    )


async def test_a_run_that_is_not_here_cannot_be_kept(runner: Stub) -> None:
    assert await refused(keep(runner)) == (grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND")


async def test_a_start_that_was_held_up_for_a_run_lease_is_refused(
    tmp_path: Path, repository: Path
) -> None:
    async with serving(tmp_path / "runner", orphan_seconds=0.5) as stub:
        await prepare(stub, repository)
        token = f"{time.monotonic() - 0.6:.3f}"

        reason = await refused(follow(stub, request("say late", token=token)))

    assert reason == (grpc.StatusCode.UNAVAILABLE, "START_TOO_LATE")


async def test_a_run_that_was_stopped_before_it_had_begun_never_begins(
    runner: Stub, tmp_path: Path
) -> None:
    await refused(runner.CancelRun(pb.CancelRunRequest(run_id=RUN, epoch=1)))

    reason = await refused(follow(runner, request("audit ../starts")))

    assert reason == (grpc.StatusCode.FAILED_PRECONDITION, "RUN_CANCELLED")
    assert not (tmp_path / "runner" / "workspaces" / WORKSPACE / "starts").exists()
