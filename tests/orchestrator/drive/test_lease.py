"""How an owner learns that its claim is no longer kept alive."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from typing_extensions import override

from services.orchestrator.drive.lease import Renewing, held
from services.orchestrator.jobs.claim import Claim, LeaseLost
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
    ) as lease:
        await lost.wait()

        assert lease.time_left() <= timedelta()
