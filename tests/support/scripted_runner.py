"""Runners in memory that do as they are told, over real git trees."""

import asyncio
import hashlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from typing_extensions import override

from services.orchestrator.drive.ports import (
    Finished,
    Message,
    PackFor,
    PreparedWorkspace,
    Runner,
    RunnerFull,
    RunnerUnreachable,
    RunOrder,
    RunOutcome,
    RunUnknown,
    Started,
    TakenTree,
    WorkspaceOrder,
)
from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import Stream
from services.orchestrator.jobs.receipts import Receipt
from tests.support.stage import Dies, Fails, Script, Stage


def _git(tree: Path, *arguments: str, data: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *arguments], cwd=tree, input=data, check=True, capture_output=True
    )
    return done.stdout


@dataclass(slots=True)
class ScriptedRun:
    """One run and its end."""

    stage: Stage
    task: asyncio.Task[None]
    end: Finished | None = None


class ScriptedRunner(Runner):
    """A runner whose agents are the scripts it is given, one per start, in order."""

    def __init__(self, folder: Path, tasks: asyncio.TaskGroup, runner_id: str = "r1") -> None:
        self._folder = folder
        self._tasks = tasks
        self._id = runner_id
        self.scripts: list[Script] = []
        self.runs: dict[str, ScriptedRun] = {}
        self.started: list[str] = []
        self.workspaces: dict[str, WorkspaceOrder] = {}
        self.closed: list[str] = []
        self.acknowledged: list[str] = []
        self.unreachable = False
        self.full = False
        self.survivors: list[str] = []
        """Processes that no cancel ends, by name; the test ends them."""
        self.puzzles: list[Exception] = []
        """What the next cancels are answered with."""
        self.version = "scripted-cli 1.2.3"
        self.kept: list[str] = []
        """The tokens that were echoed."""

    @property
    @override
    def runner_id(self) -> str:
        return self._id

    @property
    @override
    def incarnation(self) -> str:
        return "first"

    def _reach(self) -> None:
        if self.unreachable:
            raise RunnerUnreachable("scripted to be away")

    def _tree(self, workspace_id: str) -> Path:
        return self._folder / workspace_id

    @override
    async def prepare(self, order: WorkspaceOrder, pack_for: PackFor) -> PreparedWorkspace:
        self._reach()
        if self.full:
            raise RunnerFull("scripted to be full")
        tree = self._tree(order.workspace_id)
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        _git(tree, "init", "-q", ".")
        async with pack_for([]) as pack:
            data = b"".join([chunk async for chunk in pack.chunks()])
        _git(tree, "index-pack", "--stdin", data=data)
        _git(tree, "update-ref", "HEAD", order.base_commit)
        _git(tree, "read-tree", "-u", "--reset", order.files_commit)
        self.workspaces[order.workspace_id] = order
        return PreparedWorkspace(reused=False, skills=())

    @override
    async def follow(
        self,
        order: RunOrder,
        *,
        attach_only: bool,
        positions: dict[Stream, int],
        activity_index: int,
    ) -> AsyncIterator[Message]:
        self._reach()
        run = self.runs.get(order.run_id)
        if run is None:
            if attach_only or order.workspace_id not in self.workspaces:
                raise RunUnknown(f"no run {order.run_id}")
            run = self._begin(order)
        yield Started(
            argv=("scripted",), version=self.version, runner_id=self._id, incarnation="first"
        )
        sent = 0
        while True:
            self._reach()
            for one in run.stage.said[sent:]:
                if isinstance(one, Activity):
                    new = one.index >= activity_index
                else:
                    new = one.offset >= positions.get(one.stream, 0)
                if new:
                    yield one
                sent += 1
            if run.end is not None:
                yield run.end
                return
            run.stage.grew.clear()
            await run.stage.grew.wait()

    def _begin(self, order: RunOrder) -> ScriptedRun:
        _, attempt, step_index = order.run_id.split("/")
        tree = self._tree(order.workspace_id)
        stage = Stage(tree, asyncio.Event(), attempt=int(attempt), step_index=int(step_index))
        self.started.append(order.run_id)
        script = self.scripts.pop(0)
        run = self.runs[order.run_id] = ScriptedRun(
            stage, self._tasks.create_task(self._play(order.run_id, stage, script))
        )
        return run

    async def _play(self, run_id: str, stage: Stage, script: Script) -> None:
        try:
            await script(stage)
            end = finished(RunOutcome.SUCCEEDED)
        except Fails as error:
            failure = Failure(error.reason, str(error), "Read the log.")
            end = finished(RunOutcome.FAILED, failure, reset_time=error.reset_time)
        except Dies:
            end = finished(RunOutcome.LOST)
        if self.survivors:
            left = tuple({"pid": 2, "name": name} for name in self.survivors)
            end = replace(end, receipt=Receipt(survivors=left))
        if stage.stopped.is_set():
            end = finished(RunOutcome.CANCELLED)
        if end.outcome is not RunOutcome.LOST:
            end = replace(end, usage=stage.spent)
        self.runs[run_id].end = end
        stage.grew.set()

    @override
    async def keep(self, run_id: str, epoch: int, token: str) -> str:
        self._reach()
        if run_id not in self.runs:
            raise RunUnknown(f"no run {run_id}")
        self.kept.append(token)
        return str(len(self.kept))

    @override
    async def cancel(self, run_id: str, epoch: int) -> Receipt:
        self._reach()
        if self.puzzles:
            raise self.puzzles.pop()
        run = self.runs.get(run_id)
        if run is None:
            raise RunUnknown(f"no run {run_id}")
        run.stage.stopped.set()
        await asyncio.wait([run.task])
        return Receipt(
            signals=({"signal": "SIGINT"},),
            before=({"pid": 1, "name": "agent"},),
            survivors=tuple({"pid": 2, "name": name} for name in self.survivors),
        )

    @override
    async def checkpoint(self, workspace_id: str, epoch: int, into: Path) -> TakenTree:
        self._reach()
        if workspace_id not in self.workspaces:
            raise RunUnknown("the workspace is gone")
        tree = self._tree(workspace_id)
        _git(tree, "add", "-A")
        name = _git(tree, "write-tree").decode().strip()
        packed = _git(tree, "pack-objects", "--revs", "--stdout", "-q", data=f"{name}\n".encode())
        pack = into / "taken.pack"
        pack.write_bytes(packed)
        return TakenTree(
            tree=name,
            pack=pack,
            pack_size=len(packed),
            pack_sha256=hashlib.sha256(packed).hexdigest(),
            dropped=(),
            nested=(),
            left=(),
            left_pack=None,
        )

    @override
    async def acknowledge(self, run_id: str, epoch: int) -> None:
        self._reach()
        self.acknowledged.append(run_id)

    @override
    async def close(self, workspace_id: str, epoch: int) -> None:
        self._reach()
        self.workspaces.pop(workspace_id, None)
        self.closed.append(workspace_id)


def finished(
    outcome: RunOutcome, failure: Failure | None = None, *, reset_time: datetime | None = None
) -> Finished:
    """The end of a scripted run."""
    return Finished(
        outcome=outcome,
        exit_code=0 if outcome is RunOutcome.SUCCEEDED else 1,
        signal=None,
        failure=failure,
        duration=timedelta(seconds=1),
        usage=None,
        final_message="That is all.",
        receipt=None,
        reset_time=reset_time,
    )
