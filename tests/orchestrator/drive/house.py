"""A whole orchestrator without its wire: real store, real git, scripted runners."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.orchestrator.drive.claimer import Claimer, claiming
from services.orchestrator.drive.work import Pace, Tools
from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import Event, Job, JobId, JobState
from services.orchestrator.jobs.plan import Capability, Plan, PlannedStep, Skill, Stage
from services.orchestrator.skills import SkillFolder
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.mirror import Mirrors
from services.orchestrator.source.origin import FetchLimits
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.claiming import Rig
from tests.support.fresh_store import fresh_store
from tests.support.memory_artifacts import MemoryArtifacts, RememberingLive
from tests.support.repositories import git, sample_repository
from tests.support.scripted_fleet import ScriptedFleet
from tests.support.scripted_forge import OneKey, ScriptedAccess, ScriptedForge
from tests.support.scripted_runner import ScriptedRun, ScriptedRunner
from tests.support.stage import Script

QUICK = Pace(
    lease=timedelta(seconds=30),
    run_lease=timedelta(seconds=1),
    run_lease_margin=timedelta(seconds=0.2),
    reunion=timedelta(seconds=2),
    survivors=timedelta(seconds=0.6),
    stop=timedelta(seconds=5),
    drain=timedelta(seconds=5),
    back_off=timedelta(seconds=0.05),
    request_settles=timedelta(seconds=0.1),
    between_looks=timedelta(seconds=0.02),
    longest_pause=timedelta(seconds=0.1),
    least_patience=timedelta(seconds=0.5),
    most_patience=timedelta(seconds=3),
)
"""What is waited out is short, and what only bounds a wait is long: the machine may be busy."""
HASTY = replace(QUICK, stop=timedelta(seconds=1))
"""Presumes runs to be dead soon."""


def plan(
    repository: Path,
    *,
    steps: int = 3,
    mode: str = "branch",
    job_timeout: float = 60,
    branch: str | None = None,
    start: str | None = None,
    into: str | None = None,
    max_tokens: int | None = None,
) -> Plan:
    """A plan as the contract would send it."""
    ids = [f"step-{index + 1}" for index in range(steps)]
    return Plan(
        task={
            "repository": str(repository),
            "task": {
                "instructions": "Do it.",
                "runtime": {"mode": "codex", "model": None, "effort": None},
                "skill": {"id": "auto", "args": {}},
                "git": {"startingBranch": start, "newBranch": branch},
                "publish": {"mode": mode, "commitMessage": None, "prBaseBranch": into},
                "limits": {
                    "stepTimeoutSeconds": 60,
                    "silenceSeconds": 60,
                    "jobTimeoutSeconds": job_timeout,
                    "queueTimeoutSeconds": None,
                    "maxOutputBytes": 1 << 20,
                    "maxTokens": max_tokens,
                },
            },
        },
        provenance={},
        capabilities=(Capability(name="codex"), Capability(name="git")),
        stages=tuple(Stage),
        steps=tuple(
            PlannedStep(
                index=index,
                id=name,
                title="",
                skill=Skill(id="auto"),
                has_step_instructions=True,
                prompt=f"Do step {index}.",
            )
            for index, name in enumerate(ids)
        ),
        digest="0" * 64,
    )


@dataclass(slots=True)
class House:
    """One orchestrator and its runner."""

    store: SqlStore
    claimer: Claimer
    runner: ScriptedRunner
    fleet: ScriptedFleet
    artifacts: MemoryArtifacts
    origin: Path
    base: str
    forge: ScriptedForge
    term: timedelta = QUICK.lease

    async def submit(self, *scripts: Script, request: Plan | None = None) -> JobId:
        """Stores a job whose runs play the scripts, and wakes the claimer."""
        self.runner.scripts.extend(scripts)
        job_id = JobId(str(uuid.uuid4()))
        await self.store.submit(
            NewJob(
                job_id=job_id,
                principal="local",
                request_id="",
                submit_digest="",
                plan=request or plan(self.origin, steps=len(scripts)),
                priority=0,
                max_attempts=3,
                labels={},
            )
        )
        self.claimer.wake()
        return job_id

    async def ended(self, job_id: JobId) -> Job:
        """The job once it has ended."""
        while not (job := await self.job(job_id)).state.terminal:
            await self._moment()
        return job

    async def job(self, job_id: JobId) -> Job:
        """The job as it is stored now."""
        job = await self.store.job(job_id)
        if job is None:
            raise LookupError(job_id)
        return job

    async def until(self, job_id: JobId, event_type: str) -> None:
        """Waits for the first event of a type."""
        while event_type not in await self.types(job_id):
            await self._moment()

    async def runs(self) -> Sequence[ScriptedRun]:
        """The runs the runner knows, once it knows any."""
        while not self.runner.runs:
            await self._moment()
        return list(self.runner.runs.values())

    async def version(self, job_id: JobId) -> str:
        """The version of the first step's CLI, once it is told."""
        while not (told := (await self.job(job_id)).steps[0].version):
            await self._moment()
        return told

    async def homeless(self, job_id: JobId) -> None:
        """Waits until the job has no workspace."""
        while (await self.job(job_id)).runner_id:
            await self._moment()

    async def exhausted(self, troubles: Sequence[Exception]) -> None:
        """Waits until all of them were raised."""
        while troubles:
            await self._moment()

    async def left(self, job_id: JobId) -> None:
        """Waits until nobody drives the job any more."""
        while job_id in self.claimer._drivers:
            await self._moment()

    async def desert(self, job_id: JobId) -> None:
        """Has the owner of a job leave it as it stands."""
        self.claimer._drivers[job_id].leave()
        await self.lapse(job_id)

    async def lapse(self, job_id: JobId) -> None:
        """Once nobody drives the job any more, has the lease run out that is left of it."""
        await self.left(job_id)
        job = await self.job(job_id)
        if job.state is JobState.RUNNING:
            lost = Claim(job_id=job_id, epoch=job.epoch, owner="", previous=JobState.QUEUED)
            await Rig(self.store).lapse(lost)
            self.claimer.wake()

    async def tidied(self) -> None:
        """Waits until no workspace is left."""
        while self.runner.workspaces:
            await self._moment()

    @staticmethod
    async def _moment() -> None:
        """Between two looks; the test's own time limit ends a wait for what never comes."""
        await asyncio.sleep(0.01)

    async def events(self, job_id: JobId) -> Sequence[Event]:
        """Every event so far."""
        return await self.store.events(job_id, after=0, limit=500)

    async def types(self, job_id: JobId) -> list[str]:
        """The types of the events so far."""
        return [event.type for event in await self.events(job_id)]

    async def text(self, job_id: JobId, path: str) -> str:
        """An artifact's text."""
        artifact = await self.store.artifact(job_id, path)
        if artifact is None:
            raise LookupError(path)
        return self.artifacts.bytes[artifact.key].decode()

    def branches(self) -> list[str]:
        """The branches origin has."""
        return git(self.origin, "for-each-ref", "--format=%(refname:short)").split()


@asynccontextmanager
async def house_at(
    folder: Path, pace: Pace = QUICK, *, keys: Keyring | None = None
) -> AsyncIterator[House]:
    """A house whose parts lie below `folder`; `keys` are what git has."""
    origin = folder / "origin.git"
    sample = sample_repository(folder / "sample")
    git(folder, "clone", "-q", "--bare", str(sample), str(origin))
    artifacts, live, forge = MemoryArtifacts(), RememberingLive(), ScriptedForge(origin)
    async with (
        fresh_store(f"sqlite:///{folder / 'pawl.db'}") as store,
        asyncio.TaskGroup() as agents,
    ):
        runner = ScriptedRunner(folder / "workspaces", agents)
        fleet = ScriptedFleet(runner)
        tools = Tools(
            store=store,
            artifacts=artifacts,
            mirrors=Mirrors(
                folder / "mirrors",
                git=Git(),
                credentials=Credentials(keys=keys or Keyring()),
                allow_local=True,
                limits=FetchLimits().scaled(0.01),
            ),
            fleet=fleet,
            live=live,
            skills=SkillFolder(None),
            scratch=folder / "scratch",
            pace=pace,
            now=lambda: datetime.now(UTC),
            keys=OneKey(forge),
            forge=ScriptedAccess(forge=forge, keys=OneKey(forge), url="https://forge.example"),
        )
        async with claiming(tools, max_jobs=4, poll=timedelta(seconds=0.1)) as claimer:
            yield House(
                store=store,
                claimer=claimer,
                runner=runner,
                fleet=fleet,
                artifacts=artifacts,
                origin=origin,
                base=git(origin, "rev-parse", "main"),
                forge=forge,
            )
        for run in runner.runs.values():
            run.task.cancel()
