"""Whatever owners and callers do to a job in whatever order, its record stays sound."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pawl.wire.errors import FailedPrecondition
from services.orchestrator.jobs.claim import CancelWins, Claim, LeaseLost
from services.orchestrator.jobs.job import Job, JobOutcome, JobState, StepState
from services.orchestrator.store.store import opened
from tests.orchestrator.store.claiming import PUBLICATION, Rig, ended
from tests.support.jobs import TERM, fact, some_job, some_plan

STEPS = 2
REFUSALS = (LeaseLost, CancelWins, FailedPrecondition, ValueError)
"""What a move may be answered with; everything else is a defect."""


class Life:
    """One job, and every claim of it that somebody still believes in."""

    def __init__(self, rig: Rig, job: Job) -> None:
        self.rig = rig
        self.store = rig.store
        self.job = job
        self.claims: list[Claim] = []
        self.end: Job | None = None
        self.used: Claim | None = None
        """The claim the move at hand is made under."""

    async def claim(self, owner: int) -> None:
        lapsing = self.claims and owner
        if lapsing:
            await self.rig.lapse(self.claims[-1])
        claim = await self.store.claim(self.job.job_id, owner=f"{owner}", term=TERM)
        if claim is not None:
            self.claims.append(claim)

    def _old_or_new(self, which: int) -> Claim:
        if not self.claims:
            raise LeaseLost
        self.used = self.claims[-1 - which % len(self.claims)]
        return self.used

    async def start(self, which: int) -> None:
        job = await self.rig.read(self.job)
        await self.rig.start(
            self._old_or_new(which), step_index=min(job.cursor, STEPS - 1), attempt=job.attempt
        )

    async def finish(self, which: int) -> None:
        job = await self.rig.read(self.job)
        await self.rig.finish(self._old_or_new(which), step_index=min(job.cursor, STEPS - 1))

    async def lose(self, which: int) -> None:
        job = await self.rig.read(self.job)
        await self.store.end_step(
            self._old_or_new(which),
            fact("task.step.lost"),
            step_index=min(job.cursor, STEPS - 1),
            state=StepState.LOST,
            summary="",
            usage=None,
            artifacts=[],
        )

    async def requeue(self, which: int) -> None:
        await self.store.requeue(self._old_or_new(which), fact("job.requeued"), not_before=None)

    async def intend(self, which: int) -> None:
        await self.store.intend(self._old_or_new(which), PUBLICATION, fact("intent"))

    async def succeed(self, which: int) -> None:
        await self.store.end(
            self._old_or_new(which),
            ended(),
            state=JobState.SUCCEEDED,
            outcome=JobOutcome.BRANCH,
        )

    async def cancel(self, _which: int) -> None:
        await self.store.request_cancel(self.job.job_id, by="ann", reason="")

    async def give_up(self, owner: int) -> None:
        await self.store.give_up(f"{owner}")

    async def check(self) -> None:
        """What holds at every moment."""
        before, job = self.job, await self.rig.read(self.job)
        types = await self.rig.types(job)
        assert job.epoch >= before.epoch
        assert job.attempt >= before.attempt
        assert job.cursor >= before.cursor
        if self.end is not None:
            assert job == self.end
        if job.state.terminal:
            self.end = job
            assert types[-1].startswith("job.")
        assert types.count("intent") <= 1
        assert types.count("task.step.finished") == job.cursor
        if job.state is JobState.SUCCEEDED and job.cancel_requested is not None:
            raise AssertionError("a cancelled job has succeeded")
        if job.cancel_requested is not None:
            assert "intent" not in types
        self.job = job


MOVES: tuple[Callable[[Life, int], Awaitable[None]], ...] = (
    Life.claim,
    Life.start,
    Life.finish,
    Life.lose,
    Life.requeue,
    Life.intend,
    Life.succeed,
    Life.cancel,
    Life.give_up,
)
# Succeeding and cancelling end most lives; that they come less often makes longer ones.
WEIGHED = (*(MOVES[:6] * 2), *MOVES)


LIVES = st.lists(st.tuples(st.sampled_from(WEIGHED), st.integers(0, 2)), max_size=25)


@pytest.mark.timeout(120)
def test_a_jobs_record_stays_sound(url: str) -> None:
    with asyncio.Runner() as runner:
        lives = AsyncExitStack()
        store = runner.run(lives.enter_async_context(opened(url)))

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(LIVES)
        def one(moves: list[tuple[Callable[[Life, int], Awaitable[None]], int]]) -> None:
            runner.run(live(Rig(store), moves))

        try:
            one()
        finally:
            runner.run(lives.aclose())


async def live(rig: Rig, moves: list[tuple[Callable[[Life, int], Awaitable[None]], int]]) -> None:
    """One life of one job."""
    life = Life(rig, await rig.submit(some_job(some_plan(steps=STEPS))))
    await life.claim(0)
    for move, which in moves:
        life.used = None
        answer: BaseException | None = None
        try:
            await move(life, which)
        except REFUSALS as error:
            answer = error
        if life.used is not None and life.used.epoch < life.job.epoch:
            assert isinstance(answer, LeaseLost)
        await life.check()
