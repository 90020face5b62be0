"""One process looks at a time, and leaves at once; what comes in between is heeded."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.typing import EventDict
from typing_extensions import override

from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.jobs.forge import (
    ForgeRepository,
    PullRequest,
)
from services.orchestrator.jobs.reconciling import Turn
from services.orchestrator.reconciling import reconciling
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.reconciling.house import QUICK, House, told
from tests.orchestrator.store.aging import turn_over
from tests.support.scripted_forge import OneKey, ScriptedAccess, ScriptedForge


class Slow(ScriptedForge):
    """Answers look-ups when it is let."""

    open_door: asyncio.Event
    asking: asyncio.Event

    @override
    def repository(self, owner: str, name: str, token: str) -> ForgeRepository:
        behind = super().repository(owner, name, token)
        answer = behind.pull_requests

        async def slowly(*, head_branch: str, marker: str) -> Sequence[PullRequest]:
            self.asking.set()
            await self.open_door.wait()
            return await answer(head_branch=head_branch, marker=marker)

        behind.pull_requests = slowly  # type: ignore[method-assign]
        return behind


@pytest.fixture
def slow(house: House) -> House:
    """The same house with a slow forge."""
    forge = Slow(house.forge.origin)
    forge.open_door, forge.asking = asyncio.Event(), asyncio.Event()
    access = ScriptedAccess(forge=forge, keys=OneKey(forge), url="https://forge.example")
    return House(house.store, forge, replace(house.reconciler, access=access))


async def test_while_one_process_looks_no_other_does(slow: House) -> None:
    assert isinstance(slow.forge, Slow)
    await slow.twice()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(slow.reconciler.round())
        await slow.forge.asking.wait()
        await replace(slow.reconciler, owner="other").round()
        slow.forge.open_door.set()

    assert slow.forge.asked == ["look", "report 2 of 1"]


async def test_a_process_that_was_stopped_for_too_long_tells_nobody(
    slow: House, logs: list[EventDict]
) -> None:
    """Another takes over, and looks and tells itself."""
    assert isinstance(slow.forge, Slow)
    job_id = await slow.twice()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(slow.reconciler.round())
        await slow.forge.asking.wait()
        await turn_over(slow.store)
        slow.forge.open_door.set()
    assert slow.reports == []
    await replace(slow.reconciler, owner="other").round()

    assert (await slow.job(job_id)).duplicate_pull_requests == (2,)
    assert slow.reports == ["report 2 of 1"]
    assert len(told(logs, "reconciliation_broken_off")) == 1


async def test_a_look_that_takes_too_long_is_put_off(slow: House, logs: list[EventDict]) -> None:
    await slow.twice()

    await slow.changed(patience=timedelta(seconds=0.05)).round()

    [line] = told(logs, "reconciliation_put_off")
    assert line["why"] == "the look-up took longer than 0.05 s"


async def test_a_job_that_was_opened_again_meanwhile_is_left_to_its_driver(slow: House) -> None:
    assert isinstance(slow.forge, Slow)
    job_id = await slow.published(recorded=None)
    slow.open(job_id)
    slow.open(job_id)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(slow.reconciler.round())
        await slow.forge.asking.wait()
        await slow.store.retry(
            job_id, by="ann", from_step=None, ended_attempt=0, settle=timedelta()
        )
        slow.forge.open_door.set()

    assert slow.reports == []


async def test_leaving_gives_the_turn_back_at_once(slow: House) -> None:
    assert isinstance(slow.forge, Slow)
    await slow.twice()

    async with reconciling(slow.reconciler, first=timedelta()):
        await slow.forge.asking.wait()

    assert await slow.store.take_turn("other", term=QUICK.term) is not None


class AwayAtTheEnd(SqlStore):
    """Does not answer when the turn is given back."""

    def __init__(self, behind: SqlStore) -> None:
        super().__init__(behind._threads)

    @override
    async def end_turn(self, turn: Turn, *, rest: timedelta) -> None:
        raise StoreAway("scripted to be away")


async def test_leaving_ends_although_the_store_is_away(slow: House, logs: list[EventDict]) -> None:
    """The trouble with the turn once took the place of the cancellation, and nobody could leave."""
    assert isinstance(slow.forge, Slow)
    await slow.twice()

    async with reconciling(
        replace(slow.reconciler, store=AwayAtTheEnd(slow.store)), first=timedelta()
    ):
        await slow.forge.asking.wait()

    assert told(logs, "turn_not_ended")


class AwayStore(SqlStore):
    """Does not answer for a turn."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    @override
    async def take_turn(self, owner: str, *, term: timedelta) -> None:
        self.asked.set()
        raise StoreAway("scripted to be away")


async def test_a_store_that_is_away_ends_a_round_and_not_the_process(
    house: House, logs: list[EventDict]
) -> None:
    away = AwayStore()

    async with reconciling(replace(house.reconciler, store=away), first=timedelta()):
        await away.asked.wait()
        away.asked.clear()
        await away.asked.wait()

    assert told(logs, "reconciliation_broken_off")
