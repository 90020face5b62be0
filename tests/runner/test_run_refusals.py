"""Which requests for a run are refused, and why."""

import grpc
import pytest

from pawl.v1 import runner_pb2 as pb
from pawl.wire.status import from_error
from tests.runner.calls import refused
from tests.runner.serving import JOB, Stub, follow, request


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
