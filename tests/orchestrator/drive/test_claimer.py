"""A job is explained as eligible exactly when the claimer claims it."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from pawl.wire.channel import channel
from services.orchestrator.drive.claimer import PAGE, Claimer
from services.orchestrator.drive.driver import Driver
from services.orchestrator.drive.work import Pace, Tools
from services.orchestrator.fleet import OWN_CAPABILITIES, Member, RunnerFleet
from services.orchestrator.jobs.claim import Candidate
from services.orchestrator.jobs.eligibility import Hold
from services.orchestrator.jobs.explain import explain
from services.orchestrator.jobs.explanation import Explanation
from services.orchestrator.jobs.job import Job, JobId, JobOutcome, JobState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.runners import RunnerDescription, RuntimeCard
from services.orchestrator.remote.runner import RemoteRunner
from services.orchestrator.skills import SkillFolder
from services.orchestrator.store.schema import migrate
from services.orchestrator.store.store import SqlStore, opened
from tests.orchestrator.store.claiming import EXPIRED, Rig, ended
from tests.support.jobs import fact, some_job, some_plan
from tests.support.memory_artifacts import MemoryArtifacts, RememberingLive

CAPABILITIES = ("codex", "claude", "gpu")
SITUATIONS = (
    *("queued",) * 4,
    *("later", "past", "overdue", "owned", "lost", "housed", "here", "poisoned"),
    *("cancelled", "succeeded", "publishing"),
)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class SomeRunner:
    """What a runner said last, and how it is now."""

    capabilities: frozenset[str]
    lame: frozenset[str]
    free_slots: int
    reserved: int
    draining: bool
    reachable: bool
    heard: bool


@dataclass(frozen=True)
class SomeJob:
    """A job and how it came to be where it is."""

    situation: str
    capabilities: tuple[str, ...]
    repository: str
    priority: int


RUNNERS = st.builds(
    SomeRunner,
    capabilities=st.sampled_from(
        (frozenset(CAPABILITIES), frozenset({"codex", "claude"}), frozenset({"gpu"}))
    ),
    lame=st.sampled_from((frozenset[str](), frozenset[str](), frozenset({"codex"}))),
    free_slots=st.sampled_from((3, 2, 1, 0)),
    reserved=st.sampled_from((0, 0, 1)),
    draining=st.sampled_from((*(False,) * 6, True)),
    reachable=st.sampled_from((*(True,) * 6, False)),
    heard=st.sampled_from((*(True,) * 6, False)),
)
JOBS = st.builds(
    SomeJob,
    situation=st.sampled_from(SITUATIONS),
    capabilities=st.sampled_from(
        (("codex", "git"), ("claude", "git"), ("git",), ("codex", "gpu", "git"), ("codex", "gh"))
    ),
    repository=st.sampled_from(("owner/one", "owner/two")),
    priority=st.integers(-1, 1),
)


class AskedClaimer(Claimer):
    """Has every job explained just before it considers it; carries none of them."""

    claimed = 0
    considered = 0

    async def said(self, job_id: str) -> Explanation:
        process = self.process()
        standing = await self._tools.store.standing(job_id, per_repository=process.per_repository)
        assert standing is not None
        fleet = cast("RunnerFleet", self._tools.fleet)
        return explain(
            standing,
            fleet.runners(),
            own=OWN_CAPABILITIES,
            process=process,
            here=self.owner,
        )

    @override
    async def _consider(self, candidate: Candidate) -> tuple[Hold, ...]:
        before, driven = await self.said(candidate.job_id), set(self._drivers)
        holds = await super()._consider(candidate)
        self.considered += 1
        claimed = candidate.job_id in self._drivers.keys() - driven
        assert claimed is before.eligible, before
        if claimed and candidate.state is JobState.QUEUED:
            reserved = self._drivers[candidate.job_id]._reserved
            assert (reserved is None) is candidate.publishing
        self.claimed += claimed
        return holds

    @override
    async def _drive(self, driver: Driver) -> None:
        await asyncio.Event().wait()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "jobs.db"
    migrate(file)
    return file


@pytest.mark.timeout(120)
@settings(max_examples=80, deadline=None)
@given(
    jobs=st.lists(JOBS, min_size=2, max_size=7),
    runners=st.lists(RUNNERS, max_size=3),
    max_jobs=st.sampled_from((9, 9, 3, 2, 1)),
    per_repository=st.integers(0, 2),
)
def test_eligible_is_what_the_claimer_claims(
    template: Path,
    jobs: list[SomeJob],
    runners: list[SomeRunner],
    max_jobs: int,
    per_repository: int,
) -> None:
    """At its turn a job is claimed if and only if it is eligible; then none that is left is."""

    async def example() -> None:
        async with asking(template, runners, max_jobs=max_jobs, per_repository=per_repository) as (
            claimer,
            store,
        ):
            placed = [await place(claimer, Rig(store), one, runners) for one in jobs]
            before = [await claimer.said(job.job_id) for job in placed]

            await claimer._look()

            for earlier in before:
                left = await claimer.said(earlier.job.job_id)
                assert not left.eligible, left
                assert not (earlier.eligible and left.job.state.terminal), earlier

    asyncio.run(example())


async def test_a_page_of_one_repositorys_jobs_is_claimed_up_to_its_limit(template: Path) -> None:
    """Each refused claim once kept a slot promised until its runner had been asked again."""
    roomy = SomeRunner(
        capabilities=frozenset({"codex"}),
        lame=frozenset(),
        free_slots=9,
        reserved=0,
        draining=False,
        reachable=True,
        heard=True,
    )
    async with asking(template, [roomy], max_jobs=9, per_repository=2) as (claimer, store):
        for _ in range(5):
            await Rig(store).submit()
        await Rig(store).submit(some_job(some_plan(repository="owner/other")))

        await claimer._look()

        assert claimer.claimed == 3
        (offer,) = claimer._tools.fleet.offers().runners
        assert offer.free_slots == 6


async def test_a_queue_that_nobody_can_take_is_read_for_one_page_alone(template: Path) -> None:
    """Each look once read it all, however long it was, for as long as any runner had room."""
    roomy = SomeRunner(
        capabilities=frozenset({"codex"}),
        lame=frozenset(),
        free_slots=9,
        reserved=0,
        draining=False,
        reachable=True,
        heard=True,
    )
    async with asking(template, [roomy], max_jobs=9, per_repository=0) as (claimer, store):
        for _ in range(PAGE + 20):
            await Rig(store).submit(some_job(some_plan(capabilities=("gpu",)), priority=1))
        last = await Rig(store).submit()

        await claimer._look()

        assert list(claimer._drivers) == [last.job_id]
        assert claimer.considered == 2


@asynccontextmanager
async def asking(
    template: Path, runners: Sequence[SomeRunner], *, max_jobs: int, per_repository: int
) -> AsyncIterator[tuple[AskedClaimer, SqlStore]]:
    """A claimer over a real store and the real fleet, whose runners are made up."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "jobs.db")
        shutil.copy(template, file)
        async with (
            channel("127.0.0.1:1") as unused,
            opened(f"sqlite:///{file}") as store,
            asyncio.TaskGroup() as tasks,
        ):
            fleet = RunnerFleet()
            for number, one in enumerate(runners):
                target = f"runner:{number}"
                fleet._members[target] = Member(
                    RemoteRunner(target, unused, described(number, one)),
                    reachable=one.reachable and one.heard,
                    reserved=one.reserved,
                )
            tools = Tools(
                store=store,
                artifacts=MemoryArtifacts(),
                mirrors=cast("Any", None),
                fleet=fleet,
                live=RememberingLive(),
                skills=SkillFolder(None),
                scratch=Path(folder),
                pace=Pace(),
                now=lambda: datetime.now(UTC),
            )
            claimer = AskedClaimer(tools, tasks, max_jobs=max_jobs, per_repository=per_repository)
            yield claimer, store
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                if task.get_name().startswith("job "):
                    task.cancel()


def described(number: int, one: SomeRunner) -> RunnerDescription | None:
    if not one.heard:
        return None
    return RunnerDescription(
        runner_id=f"r{number}",
        incarnation="first",
        capabilities=tuple(sorted(one.capabilities - one.lame)),
        runtimes=tuple(
            RuntimeCard(name=name, available=False, version="", reason="not found")
            for name in sorted(one.lame)
        ),
        slots=2,
        free_slots=one.free_slots,
        isolation="process",
        draining=one.draining,
        workspace_ids=(),
    )


async def place(
    claimer: AskedClaimer, rig: Rig, one: SomeJob, runners: Sequence[SomeRunner]
) -> Job:
    """Brings a job to where it is to be."""
    plan = some_plan(
        capabilities=one.capabilities,
        repository=one.repository,
        queue_timeout=-1 if one.situation == "overdue" else None,
    )
    job = await rig.submit(some_job(plan, priority=one.priority))
    now = datetime.now(UTC)
    match one.situation:
        case "later" | "past":
            not_before = now + HOUR if one.situation == "later" else now - HOUR
            await rig.store.requeue(await rig.claim(job), fact(), not_before=not_before)
        case "owned":
            await rig.claim(job)
        case "lost" | "here" | "housed":
            claim = await rig.claim(job)
            if one.situation == "here":
                claimer._drivers[JobId(job.job_id)] = cast("Driver", None)
            elif one.situation == "housed":
                await rig.store.house(
                    claim,
                    workspace_id=f"{job.job_id}/1",
                    runner_id=f"r{len(runners) // 2}",
                    incarnation="first",
                )
            await rig.lapse(claim)
        case "publishing":
            claim = await rig.claim(job)
            await rig.store.enter(claim, Stage.PUBLISH, fact())
            await rig.store.requeue(claim, fact(), not_before=None)
        case "poisoned":
            for _ in range(5):
                await rig.claim(job, term=EXPIRED)
        case "cancelled":
            await rig.store.request_cancel(job.job_id, by="ann", reason="", receipt=None)
        case "succeeded":
            await rig.store.end(
                await rig.claim(job),
                ended(),
                state=JobState.SUCCEEDED,
                outcome=JobOutcome.BRANCH,
            )
    return job
