"""What callers are promised about workspaces: slots, epochs, packs, trees."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import grpc
import pytest

from pawl.v1 import runner_pb2 as pb
from pawl.wire.status import from_error
from tests.runner.serving import (
    JOB,
    WORKSPACE,
    Heard,
    Stub,
    follow,
    follow_until,
    open_request,
    prepare,
    request,
    serving,
)
from tests.support.repositories import git

OTHER = "0190f1aa-0000-7000-8000-000000000002/1"
THIRD = "0190f1aa-0000-7000-8000-000000000003/1"


async def checkpoint(stub: Stub, epoch: int = 1) -> tuple[pb.CheckpointSummary, bytes]:
    summary, pack = pb.CheckpointSummary(), b""
    async for message in stub.Checkpoint(pb.CheckpointRequest(workspace_id=WORKSPACE, epoch=epoch)):
        if message.WhichOneof("kind") == "summary":
            summary = message.summary
        pack += message.pack_data
        assert message.ByteSize() <= 64 * 1024
    return summary, pack


async def close(stub: Stub, workspace_id: str = WORKSPACE, epoch: int = 1) -> None:
    await stub.CloseWorkspace(pb.CloseWorkspaceRequest(workspace_id=workspace_id, epoch=epoch))


async def free_slots(stub: Stub) -> int:
    return (await stub.DescribeRunner(pb.DescribeRunnerRequest())).free_slots


async def test_a_runner_says_what_it_is(tmp_path: Path) -> None:
    async with serving(tmp_path / "runner", capabilities="Qdrant, gpu") as stub:
        said = await stub.DescribeRunner(pb.DescribeRunnerRequest())

    assert list(said.capabilities) == ["codex", "gpu", "qdrant"]
    cards = {card.name: card for card in said.runtimes}
    assert cards["codex"].available
    assert not cards["claude"].available
    assert "PAWL_CLAUDE_BINARY" in cards["claude"].reason
    assert (said.slots, said.free_slots, said.isolation, said.draining) == (2, 2, "process", False)


async def test_an_untouched_workspace_gives_the_tree_it_was_made_from(
    runner: Stub, repository: Path
) -> None:
    summary, pack = await checkpoint(runner)

    assert summary.tree == git(repository, "rev-parse", "HEAD^{tree}")
    assert (summary.pack_size, pack) == (0, b"")


async def test_what_a_step_changed_comes_back_as_a_pack(runner: Stub, repository: Path) -> None:
    await follow(runner, request("write new.txt hello"))

    summary, pack = await checkpoint(runner)

    assert summary.pack_size == len(pack) > 0
    assert summary.pack_sha256 == hashlib.sha256(pack).hexdigest()
    (repository / "the.pack").write_bytes(pack)
    git(repository, "index-pack", "--stdin", "--fix-thin", data=pack)
    assert git(repository, "show", f"{summary.tree}:new.txt") == "hello"


async def test_a_second_workspace_of_a_repository_needs_nothing_sent(
    runner: Stub, repository: Path
) -> None:
    said = await prepare(runner, repository, workspace_id=OTHER)

    assert git(repository, "rev-parse", "HEAD") in said[0].have.commits
    assert said[-1].ready.reused is False


async def test_an_equal_opening_of_an_untouched_workspace_reuses_it(
    runner: Stub, repository: Path
) -> None:
    assert (await prepare(runner, repository))[-1].ready.reused
    await follow(runner, request("write new.txt hello"))

    assert not (await prepare(runner, repository))[-1].ready.reused


async def test_without_a_free_slot_a_workspace_is_refused_for_now(
    runner: Stub, repository: Path
) -> None:
    await prepare(runner, repository, workspace_id=OTHER)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await prepare(runner, repository, workspace_id=THIRD)

    said = from_error(error.value)
    assert said.reason == "NO_FREE_SLOT"
    assert said.retry_after is not None


async def test_closing_frees_the_slot_and_is_idempotent(runner: Stub, tmp_path: Path) -> None:
    for _ in range(2):
        await close(runner)

    assert await free_slots(runner) == 2
    assert not (tmp_path / "runner" / "workspaces" / WORKSPACE).exists()


async def test_closing_ends_what_runs_there(runner: Stub) -> None:
    call, heard = runner.Run(request("ignore-signals", "silent 600")), Heard()
    await follow_until(call, heard, lambda so_far: so_far.activities)

    await close(runner)

    await follow_until(call, heard, lambda so_far: so_far.finished)
    assert heard.end.outcome == pb.RUN_OUTCOME_CANCELLED


@pytest.mark.parametrize(
    "announced",
    [
        pb.WorkspaceDone(),
        pb.WorkspaceDone(pack_size=10, pack_sha256="0" * 64),
    ],
    ids=["nothing", "another digest"],
)
async def test_a_pack_that_is_not_as_announced_is_refused_and_frees_the_slot(
    tmp_path: Path, repository: Path, announced: pb.WorkspaceDone
) -> None:
    async with serving(tmp_path / "runner") as stub:
        call = stub.PrepareWorkspace()
        await call.write(pb.PrepareWorkspaceRequest(open=open_request(repository)))
        await call.read()
        await call.write(pb.PrepareWorkspaceRequest(pack_data=b"not a pack"))
        await call.write(pb.PrepareWorkspaceRequest(done=announced))

        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call.read()

        assert error.value.code() is grpc.StatusCode.DATA_LOSS
        assert from_error(error.value).reason == "PACK_CORRUPT"
        assert await free_slots(stub) == 2
        assert list((tmp_path / "runner" / "spool").iterdir()) == []


async def test_a_caller_that_leaves_in_mid_preparation_frees_the_slot(
    tmp_path: Path, repository: Path
) -> None:
    async with serving(tmp_path / "runner") as stub:
        call = stub.PrepareWorkspace()
        await call.write(pb.PrepareWorkspaceRequest(open=open_request(repository)))
        await call.read()
        assert await free_slots(stub) == 1

        call.cancel()

        async with asyncio.timeout(8):
            while True:
                if await free_slots(stub) == 2:
                    break
                await asyncio.sleep(0.02)


async def test_a_skill_is_placed_and_stays_out_of_the_tree(runner: Stub, repository: Path) -> None:
    file = pb.SkillFile(skill_id="speckit", path="SKILL.md", data=b"---\nname: speckit\n---\n")

    said = await prepare(runner, repository, skill_ids=["speckit"], files=[file])
    heard = await follow(runner, request("read .agents/skills/speckit/SKILL.md"))

    assert [(each.skill_id, each.source) for each in said[-1].ready.skills] == [
        ("speckit", "operator")
    ]
    assert b"name: speckit" in heard.stdout
    summary, _ = await checkpoint(runner)
    assert summary.tree == git(repository, "rev-parse", "HEAD^{tree}")


async def test_a_skill_that_is_nowhere_is_named(runner: Stub, repository: Path) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await prepare(runner, repository, skill_ids=["speckit"])

    said = from_error(error.value)
    assert (said.reason, said.metadata["missing"]) == ("SKILL_NOT_FOUND", "speckit")


async def test_an_older_epoch_prepares_nothing(runner: Stub, repository: Path) -> None:
    await close(runner, epoch=3)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await prepare(runner, repository, epoch=2)

    assert from_error(error.value).reason == "STALE_EPOCH"


@pytest.mark.parametrize(
    "changes",
    [
        {"workspace_id": "../../etc"},
        {"workspace_id": f"{JOB}/1/2"},
        {"epoch": 0},
        {"repository_key": "../x"},
        {"base_commit": "--upload-pack=x"},
        {"working_branch": "-x"},
    ],
)
async def test_a_malformed_opening_is_refused(
    tmp_path: Path, repository: Path, changes: dict[str, Any]
) -> None:
    async with serving(tmp_path / "runner") as stub:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await prepare(stub, repository, **changes)

        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert await free_slots(stub) == 2
