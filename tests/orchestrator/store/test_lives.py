"""Whatever owners and callers do to a job in whatever order, its record stays sound."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pawl.wire.errors import FailedPrecondition
from services.orchestrator.jobs.claim import CancelWins, Claim, LeaseLost
from services.orchestrator.jobs.job import Job, JobOutcome, JobState, StepState, Usage, total
from services.orchestrator.store.store import opened
from tests.orchestrator.store.claiming import PUBLICATION, Rig, an_artifact, ended
from tests.support.jobs import TERM, fact, some_job, some_plan

STEPS = 2
REFUSALS = (LeaseLost, CancelWins, FailedPrecondition, ValueError)
"""What a move may be answered with; everything else is a defect."""

ONE = Usage(input_tokens=1)
ENDS = tuple(f"job.{word}" for word in ("succeeded", "failed", "cancelled", "deadLettered"))


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
        self.ends = 0
        """Attempts of steps that have ended, and told what they consumed."""
        self.retries = 0
        self.repeated = 0
        """Checkpoints that retries gave up."""

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
        step_index = min((await self.rig.read(self.job)).cursor, STEPS - 1)
        await self.store.finish_step(
            self._old_or_new(which),
            fact("task.step.finished", step_index=step_index),
            step_index=step_index,
            commit=f"{step_index}" * 40,
            tree="f" * 40,
            summary="done",
            usage=ONE,
            artifacts=[an_artifact(f"logs/steps/step-{step_index:04}.log")],
        )
        self.ends += 1

    async def lose(self, which: int) -> None:
        await self._end_step(which, StepState.LOST)

    async def fail(self, which: int) -> None:
        await self._end_step(which, StepState.FAILED)
        await self.store.end(
            self._old_or_new(which),
            ended("failed"),
            state=JobState.FAILED,
            outcome=JobOutcome.FAILED,
        )

    async def _end_step(self, which: int, state: StepState) -> None:
        job = await self.rig.read(self.job)
        await self.store.end_step(
            self._old_or_new(which),
            fact(f"task.step.{state}"),
            step_index=min(job.cursor, STEPS - 1),
            state=state,
            summary="",
            usage=ONE,
            artifacts=[],
        )
        self.ends += 1

    async def retry(self, which: int) -> None:
        before = await self.rig.read(self.job)
        from_step = None if which > before.cursor else which
        await self.store.retry(
            before.job_id, by="ann", from_step=from_step, ended_attempt=0, settle=timedelta()
        )
        self.end = None
        self.retries += 1
        self.repeated += before.cursor - (await self.rig.read(self.job)).cursor

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
        if self.end is not None:
            assert job == self.end
        if job.state.terminal:
            self.end = job
            assert types[-1] in ENDS
        assert sum(types.count(one) for one in ENDS) == self.retries + job.state.terminal
        assert types.count("intent") <= 1
        assert types.count("task.step.finished") == job.cursor + self.repeated
        used = total(job.consumed)
        assert (used.input_tokens if used else 0) == self.ends
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
    Life.fail,
    Life.retry,
    Life.succeed,
    Life.cancel,
    Life.give_up,
)
# Succeeding and cancelling end most lives; that they come less often makes longer ones.
WEIGHED = (*(MOVES[:6] * 2), *MOVES, Life.retry)


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
