"""Nobody prunes a mirror while a job is driven that uses it."""

from pathlib import Path

from services.orchestrator.jobs.job import JobState
from services.orchestrator.source.use import UseLock
from tests.orchestrator.drive.house import House
from tests.orchestrator.drive.scripts import waits_for_the_stop


async def test_a_job_holds_its_mirror_from_its_preparation_to_its_end(
    house: House, tmp_path: Path
) -> None:
    job_id = await house.submit(waits_for_the_stop)
    await house.until(job_id, "task.step.started")
    (mirror,) = (tmp_path / "mirrors").glob("*.git")
    assert UseLock(mirror).alone() is None

    await house.store.request_cancel(job_id, by="ada", reason="enough")
    house.claimer.cancel(job_id)
    assert (await house.ended(job_id)).state is JobState.CANCELLED
    await house.left(job_id)

    alone = UseLock(mirror).alone()
    assert alone is not None
    alone.end()
