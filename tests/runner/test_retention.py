"""What a runner keeps goes when nobody has come back for it, and not before."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from pawl.v1 import runner_pb2 as pb
from tests.runner.conftest import end_all
from tests.runner.serving import (
    WORKSPACE,
    Heard,
    Stub,
    eventually,
    finished,
    follow_until,
    prepare,
    request,
    serving,
)
from tests.support.repositories import sample_repository

OFTEN = {"collect_seconds": 0.1}
OTHER = "0190f1aa-0000-7000-8000-000000000002/1"
THIRD = "0190f1aa-0000-7000-8000-000000000003/1"


def age(path: Path, days: float) -> None:
    """Lets everything below have been written so long ago."""
    then = time.time() - days * 86400
    for one in (path, *path.rglob("*")):
        os.utime(one, (then, then), follow_symlinks=False)


def age_workspace(data_dir: Path, workspace_id: str, days: float) -> None:
    """Lets the last word about a workspace have been so long ago."""
    then = time.time() - days * 86400
    job_id = workspace_id.partition("/")[0]
    for file in (f"workspaces/{workspace_id}/meta.json", f"epochs/{job_id}.json"):
        os.utime(data_dir / file, (then, then))


async def a_round(stub: Stub) -> None:
    """Returns once a whole round has gone by that began after this call."""
    asked = time.time_ns()
    async with asyncio.timeout(8):
        while await begun(stub) < asked:  # noqa: ASYNC110 - nothing else tells of it
            await asyncio.sleep(0.01)


async def begun(stub: Stub) -> int:
    """When the last round that has ended began, in nanoseconds; 0 before the first."""
    runner = await stub.DescribeRunner(pb.DescribeRunnerRequest())
    last = runner.storage.last_collection
    assert not last.problem
    return last.start_time.ToNanoseconds()


async def close(stub: Stub, workspace_id: str = WORKSPACE) -> None:
    await stub.CloseWorkspace(pb.CloseWorkspaceRequest(workspace_id=workspace_id, epoch=1))


async def held(stub: Stub) -> list[str]:
    return list((await stub.DescribeRunner(pb.DescribeRunnerRequest())).workspace_ids)


async def test_a_workspace_that_nobody_claims_goes_and_frees_its_slot(
    tmp_path: Path, repository: Path
) -> None:
    data_dir = tmp_path / "runner"
    async with serving(data_dir, **OFTEN) as stub:
        await prepare(stub, repository)
        await prepare(stub, repository, workspace_id=OTHER)
        age_workspace(data_dir, WORKSPACE, 8)

        await eventually(lambda: not (data_dir / "workspaces" / WORKSPACE).exists(), "it stays")

        await a_round(stub)
        assert await held(stub) == [OTHER]


async def test_a_workspace_in_which_something_runs_stays(tmp_path: Path, repository: Path) -> None:
    data_dir = tmp_path / "runner"
    async with serving(data_dir, **OFTEN) as stub:
        await prepare(stub, repository)
        call: Any = stub.Run(request("say here", "sleep 60"))
        await follow_until(call, Heard(), lambda heard: heard.started)
        age_workspace(data_dir, WORKSPACE, 8)

        await a_round(stub)

        assert await held(stub) == [WORKSPACE]
        await end_all(stub)


async def test_a_workspace_whose_run_ended_lately_stays(tmp_path: Path, repository: Path) -> None:
    data_dir = tmp_path / "runner"
    async with serving(data_dir, **OFTEN) as stub:
        await prepare(stub, repository)
        call: Any = stub.Run(request("say here"))
        await follow_until(call, Heard(), lambda heard: heard.finished)
        await finished(stub)
        age_workspace(data_dir, WORKSPACE, 8)

        await a_round(stub)

        assert await held(stub) == [WORKSPACE]


async def test_a_cache_goes_once_it_was_unused_for_long_and_nothing_borrows_from_it(
    tmp_path: Path, repository: Path
) -> None:
    data_dir = tmp_path / "runner"
    cache = data_dir / "cache" / "abc123.git"
    async with serving(data_dir, **OFTEN) as stub:
        await prepare(stub, repository)
        age(cache, 31)
        await a_round(stub)
        assert cache.exists()

        await close(stub)

        await eventually(lambda: not cache.exists(), "it stays")
        said = await prepare(stub, repository)
        assert said[-1].ready.ByteSize() == 0
        assert (data_dir / "workspaces" / WORKSPACE / "repo" / "README.md").exists()


async def test_no_cache_goes_while_a_workspace_does_not_tell_what_it_borrows(
    tmp_path: Path, repository: Path
) -> None:
    data_dir = tmp_path / "runner"
    cache = data_dir / "cache" / "abc123.git"
    async with serving(data_dir, **OFTEN) as stub:
        await prepare(stub, repository)
        meta = data_dir / "workspaces" / WORKSPACE / "meta.json"
        meta.write_text("half a rec")
        age(cache, 31)

        await a_round(stub)

        assert cache.exists()


async def test_beyond_the_limit_the_cache_goes_that_was_used_longest_ago(
    tmp_path: Path, repository: Path
) -> None:
    data_dir = tmp_path / "runner"
    async with serving(data_dir) as stub:
        for key in ("aaa", "bbb", "ccc"):
            await prepare(stub, repository, repository_key=key)
            await close(stub)
        await prepare(stub, repository, repository_key="ddd")
    caches = {key: data_dir / "cache" / f"{key}.git" for key in ("aaa", "bbb", "ccc", "ddd")}
    for number, key in enumerate(("bbb", "aaa", "ccc")):
        age(caches[key], 10 - number)
    age(caches["ddd"], 20)
    one = sum(file.stat().st_size for file in caches["aaa"].rglob("*") if file.is_file())

    async with serving(data_dir, cache_max_bytes=3 * one + 100, **OFTEN) as stub:
        await eventually(lambda: not caches["bbb"].exists(), "it stays")
        await a_round(stub)

    assert [key for key in caches if caches[key].exists()] == ["aaa", "ccc", "ddd"]


async def test_whoever_prepares_is_never_in_a_collectors_way(
    tmp_path: Path, repository: Path
) -> None:
    data_dir = tmp_path / "runner"
    async with serving(data_dir, cache_max_bytes=1, **OFTEN) as stub:
        for _ in range(12):
            said = await prepare(stub, repository)
            assert said[-1].WhichOneof("kind") == "ready"
            await asyncio.sleep(0)
            await close(stub)

        await eventually(lambda: not list((data_dir / "cache").glob("*")), "a cache stays")


async def test_packs_of_calls_that_nobody_ended_go_after_a_day(
    tmp_path: Path, repository: Path
) -> None:
    data_dir = tmp_path / "runner"
    async with serving(data_dir, **OFTEN):
        old, young = data_dir / "spool" / "old.pack", data_dir / "spool" / "young.pack"
        young.parent.mkdir(exist_ok=True)
        for file in (young, old):
            file.write_bytes(b"half a pack")
        age(old, 2)

        await eventually(lambda: not old.exists(), "it stays")

        assert young.exists()


async def test_jobs_that_nothing_is_here_of_are_forgotten_after_a_month(
    tmp_path: Path, repository: Path
) -> None:
    data_dir = tmp_path / "runner"
    job_ids = [one.partition("/")[0] for one in (WORKSPACE, OTHER, THIRD)]
    files = [data_dir / "epochs" / f"{job_id}.json" for job_id in job_ids]
    changes = {"workspace_retention_days": 0, **OFTEN}
    async with serving(data_dir, slots=3, **changes) as stub:
        for workspace_id in (WORKSPACE, OTHER, THIRD):
            await prepare(stub, repository, workspace_id=workspace_id)
        await close(stub, OTHER)
        await close(stub, THIRD)
        for file in files[:2]:
            age(file, 31)

        await eventually(lambda: not files[1].exists(), "it is remembered")
        await a_round(stub)

        assert [file.exists() for file in files] == [True, False, True]


async def test_what_a_collector_was_killed_over_goes_at_the_start(
    tmp_path: Path, repository: Path
) -> None:
    data_dir = tmp_path / "runner"
    left = sample_repository(data_dir / "trash" / "half-removed")

    async with serving(data_dir):
        assert not left.exists()
