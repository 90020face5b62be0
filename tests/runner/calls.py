"""What tests ask of a runner, and how they see what became of it."""

from pathlib import Path

import grpc
import pytest

from pawl.v1 import runner_pb2 as pb
from pawl.wire.status import from_error
from services.runner.keeper import census, record
from tests.runner.serving import JOB, WORKSPACE, Stub, follow, request, spec

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
