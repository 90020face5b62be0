"""What becomes of bytes that cannot be stored at once."""

from datetime import timedelta

import pytest
from typing_extensions import override

from pawl.wire.errors import Unavailable
from services.orchestrator.drive.patience import PatientArtifacts
from services.orchestrator.jobs.job import JobId
from tests.support.memory_artifacts import MemoryArtifacts

JOB = JobId("0190")
MOMENT = timedelta(milliseconds=1)


class Away(MemoryArtifacts):
    """Is away for some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    @override
    async def put_segment(self, job_id: JobId, data: bytes) -> str:
        if self.calls:
            self.calls -= 1
            raise Unavailable("ARTIFACTS_AWAY", "scripted to be away")
        return await super().put_segment(job_id, data)


async def test_a_place_that_is_away_for_a_while_is_waited_for() -> None:
    place = Away(3)

    key = await PatientArtifacts(place, first_pause=MOMENT).put_segment(JOB, b"output")

    assert place.bytes[key] == b"output"


async def test_a_place_that_stays_away_is_given_up() -> None:
    artifacts = PatientArtifacts(Away(1_000_000), patience=10 * MOMENT, first_pause=MOMENT)

    with pytest.raises(Unavailable):
        await artifacts.put_segment(JOB, b"output")
