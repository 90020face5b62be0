"""How an owner learns that its claim is no longer kept alive."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from typing_extensions import override

from services.orchestrator.drive.lease import Renewing, held
from services.orchestrator.jobs.claim import Claim, LeaseLost, StoreAway
from services.orchestrator.jobs.job import CancelRequest, JobId, JobState

CLAIM = Claim(job_id=JobId("0190"), epoch=1, owner="me", previous=JobState.QUEUED)


class Hanging(Renewing):
    """A database on a disk that does not answer."""

    def __init__(self) -> None:
        self.answered = threading.Event()

    @override
    def renew(self, claim: Claim, *, term: timedelta) -> CancelRequest | None:
        self.answered.wait()
        raise LeaseLost


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    store = Hanging()
    yield store
    store.answered.set()


async def test_an_owner_whose_renewal_hangs_stops_by_itself(hanging: Hanging) -> None:
    lost = asyncio.Event()

    async with held(
        CLAIM,
        store=hanging,
        term=timedelta(seconds=0.3),
        on_lost=lost.set,
        on_cancel=lambda: None,
        sent=time.monotonic(),
    ) as lease:
        await lost.wait()

        assert lease.time_left() <= timedelta()


class Counting(Renewing):
    """Renews whatever it is asked to."""

    def __init__(self) -> None:
        self.renewals = 0

    @override
    def renew(self, claim: Claim, *, term: timedelta) -> CancelRequest | None:
        self.renewals += 1
        return None


async def test_an_owner_that_slept_past_its_lease_renews_nothing_and_acts_no_more() -> None:
    """A process that was stopped for a minute took its claim back from the next owner."""
    lost, store = asyncio.Event(), Counting()

    async with held(
        CLAIM,
        store=store,
        term=timedelta(seconds=0.3),
        on_lost=lost.set,
        on_cancel=lambda: None,
        sent=time.monotonic() - 60,
    ) as lease:
        with pytest.raises(LeaseLost):
            lease.check()
        await lost.wait()

    assert store.renewals == 0


async def test_a_lease_counts_from_when_the_claim_was_asked_for() -> None:
    now = time.monotonic()
    async with held(
        CLAIM,
        store=Counting(),
        term=timedelta(seconds=30),
        on_lost=lambda: None,
        on_cancel=lambda: None,
        sent=now - 10,
    ) as lease:
        left = lease.time_left()
        since = timedelta(seconds=time.monotonic() - now)
        assert timedelta(seconds=14.999) - since < left <= timedelta(seconds=15)
        lease.check()


async def test_a_blocked_loop_does_not_lose_the_lease() -> None:
    store, lost = Counting(), asyncio.Event()
    term = timedelta(seconds=1.8)

    async with held(
        CLAIM,
        store=store,
        term=term,
        on_lost=lost.set,
        on_cancel=lambda: None,
        sent=time.monotonic(),
    ) as lease:
        # What is tested is a loop that runs nothing for two terms, six thirds of one.
        while store.renewals < 6:
            time.sleep(0.01)  # noqa: ASYNC251
        lease.check()
        await asyncio.sleep(0)

        assert not lost.is_set()


class Failing(Counting):
    """Fails the first renewals it is asked for."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.renewed = threading.Event()

    @override
    def renew(self, claim: Claim, *, term: timedelta) -> CancelRequest | None:
        if self.failures:
            self.failures -= 1
            raise StoreAway("scripted to be away")
        self.renewed.set()
        return super().renew(claim, term=term)


async def test_renewals_that_fail_for_a_while_lose_nothing() -> None:
    store, lost = Failing(3), asyncio.Event()

    async with held(
        CLAIM,
        store=store,
        term=timedelta(seconds=4.5),
        on_lost=lost.set,
        on_cancel=lambda: None,
        sent=time.monotonic(),
    ) as lease:
        await asyncio.to_thread(store.renewed.wait)
        await asyncio.sleep(0)

        lease.check()
        assert not lost.is_set()
