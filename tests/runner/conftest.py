"""A runner with a workspace in it, for tests of runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pawl.v1 import runner_pb2 as pb
from tests.runner.serving import Stub, prepare, serving
from tests.support.repositories import sample_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return sample_repository(tmp_path / "origin")


@pytest.fixture
async def runner(tmp_path: Path, repository: Path) -> AsyncIterator[Stub]:
    """A runner in which the workspace `serving.WORKSPACE` is prepared."""
    async with serving(tmp_path / "runner") as stub:
        await prepare(stub, repository)
        yield stub
        await end_all(stub)


async def end_all(stub: Stub) -> None:
    """Ends what still runs: runs outlive their runner."""
    listed = await stub.ListRuns(pb.ListRunsRequest())
    for run in listed.runs:
        if not run.finished:
            await stub.CancelRun(pb.CancelRunRequest(run_id=run.run_id, epoch=run.epoch))
