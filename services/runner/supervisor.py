"""Owns every run of this process: nothing else starts one, or ends one."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import structlog

from pawl.wire.errors import FailedPrecondition, NotFound, Unavailable
from services.runner import ending, moments, stopping
from services.runner.attachment import Attachment
from services.runner.equipment import Equipment
from services.runner.intake import Intake
from services.runner.moments import Moment
from services.runner.position import Position
from services.runner.recovery import left_by_others
from services.runner.run import Run
from services.runner.run_record import RunRecord, digest
from services.runner.runtimes.card import Card
from services.runner.values import Outcome, Receipt, RunName, RunSpec, WorkspaceId

logger = structlog.get_logger(__name__)

KEPT = timedelta(days=7)
"""How long an end is kept that nobody has acknowledged."""

ROUND = timedelta(hours=1)

MOST_REFUSED = 10_000
"""Runs that are remembered as stopped before they had begun; older ones are forgotten."""


class Supervisor:
    """All runs by name; calls about one job are taken one after the other."""

    def __init__(self, directory: Path, tasks: asyncio.TaskGroup, equipment: Equipment) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.incarnation = uuid.uuid4().hex
        self._directory = directory
        self._tasks = tasks
        self._with = equipment
        self._runs: dict[RunName, Run] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._refused: dict[RunName, None] = {}
        self.intake = Intake(self._runs, equipment.keepers)

    @property
    def runs(self) -> Sequence[Run]:
        """Every run a record is held of, by name."""
        return [self._runs[name] for name in sorted(self._runs)]

    async def cards(self) -> Sequence[Card]:
        """Returns what each runtime says of itself; each CLI is asked once until it changes."""
        async with asyncio.TaskGroup() as probes:
            asked = [
                probes.create_task(self._with.cards.probe(runtime))
                for runtime in self._with.runtimes.values()
            ]
        return [each.result() for each in asked]

    def epoch(self, job_id: str) -> int:
        """Returns the highest epoch seen of a job."""
        return self._with.epochs.current(job_id)

    @asynccontextmanager
    async def admitted(self, job_id: str, epoch: int) -> AsyncIterator[None]:
        """Has the block to itself among the calls about a job, in its newest epoch.

        Raises Aborted, STALE_EPOCH. A newer epoch is durable, and the streams of older ones end,
        before the block begins.
        """
        async with self._locks.setdefault(job_id, asyncio.Lock()):
            if await self._with.epochs.admit(job_id, epoch):
                for run in self._of(job_id):
                    run.wake()
            yield

    async def follow(
        self,
        name: RunName,
        epoch: int,
        workspace_id: WorkspaceId,
        spec: RunSpec | None,
        position: Position,
        *,
        attach_only: bool,
        sent: Moment,
    ) -> Attachment:
        """Starts a run or attaches to it; see `RunnerService.Run` for what is refused.

        `spec` may be None for a caller that only attaches. A run that is started by this has its
        first lease from `sent`.
        """
        async with self.admitted(name.job_id, epoch):
            run = self._runs.get(name)
            if run is None:
                if attach_only or spec is None:
                    raise NotFound("RUN_NOT_FOUND", f"run {name.run_id} is not on this runner")
                run = await self._start(name, workspace_id, spec, sent)
            elif spec is not None and digest(spec) != run.record.digest:
                raise FailedPrecondition(
                    "RUN_SPEC_MISMATCH",
                    f"run {name.run_id} was started with another spec; a new run needs a new id",
                )
        await run.begun.wait()
        if run.unreadable:
            raise Unavailable("RUN_BROKEN", run.broken or "the run has not begun")
        reader = run.journal.reader(position)
        return Attachment(run, reader, epoch=epoch, epochs=self._with.epochs, owner=self.intake)

    async def keep(self, name: RunName, epoch: int, moment: Moment | None) -> None:
        """Has the lease of a run go on from `moment`, if there is one. Raises NotFound."""
        async with self.admitted(name.job_id, epoch):
            run = self._runs.get(name)
            if run is None:
                raise NotFound("RUN_NOT_FOUND", f"run {name.run_id} is not on this runner")
            if moment is not None:
                run.keep(moment)

    async def cancel(self, name: RunName, epoch: int) -> tuple[Outcome, Receipt]:
        """Ends a run; returns how it ended and what that took, once no process is left.

        Raises NotFound, and Unavailable where the run could not be ended in time.
        """
        async with self.admitted(name.job_id, epoch):
            run = self._runs.get(name)
            if run is None:
                self._refuse(name)
                raise NotFound("RUN_NOT_FOUND", f"run {name.run_id} is not on this runner")
            await stopping.end([run], ending.CANCELLED, self._with.patience)
        if run.finished is None:
            raise Unavailable("RUN_BROKEN", run.broken or "the run's end was not written down")
        receipt = run.finished.receipt or Receipt()
        if run.survivors:
            await run.sweep()
            receipt = replace(receipt, survivors=tuple(run.survivors))
        return run.finished.outcome, receipt

    async def acknowledge(self, name: RunName, epoch: int) -> None:
        """Forgets a run that has ended. Raises FailedPrecondition where it has not."""
        async with self.admitted(name.job_id, epoch):
            run = self._runs.get(name)
            if run is None:
                return
            if not run.done.is_set():
                raise FailedPrecondition("RUN_ALIVE", f"run {name.run_id} has not ended")
            if not run.survivors:  # else it is why no work is taken, and must be remembered
                await self._forget(run)

    async def end_all_in(self, workspace_id: WorkspaceId) -> None:
        """Ends what runs in a workspace; the caller is `admitted`. Raises Unavailable."""
        there = [run for run in self._runs.values() if run.record.workspace_id == workspace_id]
        await stopping.end(there, ending.CLOSED, self._with.patience)

    def require_idle(self, workspace_id: WorkspaceId) -> None:
        """Raises FailedPrecondition, RUN_ALIVE, where something runs in a workspace."""
        for run in self._runs.values():
            if run.record.workspace_id == workspace_id and not run.done.is_set():
                raise FailedPrecondition(
                    "RUN_ALIVE", f"run {run.record.name.run_id} is alive in {workspace_id}"
                )

    def leave(self) -> None:
        """Takes no new work from now on, and ends the streams; the runs go on."""
        self.intake.leaving = True
        for run in self._runs.values():
            run.wake()

    async def recover(self) -> None:
        """Goes on with the runs of earlier processes; what dead keepers left has ended then."""
        left = await left_by_others(self._directory, self._with)
        self.intake.strays = left.strays
        for found in left.runs:
            run = self._run(found.directory, found.record, version="", kept=Moment(0.0))
            run.swept = found.swept
            self._add(run, None)

    async def tidy(self) -> None:
        """Forgets, for ever, ends that nobody has acknowledged for a week."""
        while True:
            # A call of its own: a name here would keep a run, and its journal open, for a round.
            await self._forget_old()
            await asyncio.sleep(ROUND.total_seconds())

    async def _start(
        self, name: RunName, workspace_id: WorkspaceId, spec: RunSpec, sent: Moment
    ) -> Run:
        self.intake.require_open()
        if name in self._refused:
            raise FailedPrecondition(
                "RUN_CANCELLED", f"run {name.run_id} was stopped before it had begun"
            )
        if moments.now() - sent >= self._with.patience.orphan.total_seconds():
            # Its caller may have given it up by now and begun it elsewhere.
            raise Unavailable(
                "START_TOO_LATE",
                f"run {name.run_id} was asked for longer ago than a run lease lasts; ask again",
            )
        runtime = self._with.runtimes.get(spec.runtime)
        if runtime is None:
            names = ", ".join(sorted(self._with.runtimes))
            raise FailedPrecondition(
                "RUNTIME_UNAVAILABLE",
                f"this runner knows no runtime {spec.runtime!r}; it knows {names}",
            )
        card = await self._with.cards.probe(runtime)
        if not card.available:
            raise FailedPrecondition("RUNTIME_UNAVAILABLE", card.reason)
        run = self._run(
            self._directory / f"{name.job_id}.{name.attempt}.{name.step_index}",
            RunRecord.of(name, workspace_id, spec),
            version=card.version,
            kept=sent,
        )
        run.locate()  # refuses a workspace that is not here
        await self._make_way(name)
        self._with.places.starting(workspace_id)
        return self._add(run, spec.prompt)

    async def _make_way(self, name: RunName) -> None:
        """Ends the runs of lower attempts: two agents of one job never work at once."""
        others = self._of(name.job_id)
        for other in others:
            if other.record.name.attempt > name.attempt:
                raise FailedPrecondition(
                    "RUN_SUPERSEDED",
                    f"attempt {other.record.name.attempt} of the job has begun already",
                )
            if other.record.name.attempt == name.attempt and not other.done.is_set():
                raise FailedPrecondition(
                    "RUN_ALIVE", f"run {other.record.name.run_id} of the same job has not ended"
                )
        await stopping.end(others, ending.SUPERSEDED, self._with.patience)

    def _refuse(self, name: RunName) -> None:
        """Starts this run never: a call to start it may be on its way still.

        Such a call dies with this process, and so may the note of it.
        """
        self._refused[name] = None
        if len(self._refused) > MOST_REFUSED:
            del self._refused[next(iter(self._refused))]

    def _run(self, directory: Path, known: RunRecord, *, version: str, kept: Moment) -> Run:
        return Run(
            directory,
            known,
            runtime=self._with.runtimes[known.runtime],
            version=version,
            locate=partial(self._with.places.place, known.workspace_id, directory, known.runtime),
            keepers=self._with.keepers,
            patience=self._with.patience,
            now=self._with.now,
            kept=kept,
        )

    def _add(self, run: Run, prompt: str | None) -> Run:
        name = run.record.name
        self._runs[name] = run
        self._tasks.create_task(run.live(prompt), name=name.run_id)
        return run

    def _of(self, job_id: str) -> Sequence[Run]:
        return [run for name, run in self._runs.items() if name.job_id == job_id]

    async def _forget_old(self) -> None:
        horizon = self._with.now() - KEPT
        for run in list(self._runs.values()):
            if run.end_time is not None and run.end_time < horizon:
                await self._forget(run)

    async def _forget(self, run: Run) -> None:
        del self._runs[run.record.name]
        run.let_go()
        await asyncio.to_thread(shutil.rmtree, run.directory, ignore_errors=True)


@asynccontextmanager
async def supervise(directory: Path, equipment: Equipment) -> AsyncIterator[Supervisor]:
    """Goes on with what runs already; leaving the block leaves the runs to their keepers."""
    async with asyncio.TaskGroup() as tasks:
        supervisor = Supervisor(directory, tasks, equipment)
        await supervisor.recover()
        tasks.create_task(supervisor.cards(), name="probe")  # so that the first claim is quick
        tidying = tasks.create_task(supervisor.tidy(), name="tidy")
        try:
            yield supervisor
        finally:
            tidying.cancel()
            for run in supervisor.runs:
                run.leave()
