"""Bytes that nothing refers to go; everything else stays."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from pawl.wire.errors import DataLoss, NotFound
from services.orchestrator import reading
from services.orchestrator.artifacts import Artifacts
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import JobId, JobOutcome, JobState, Segment, Stream
from services.orchestrator.retention.objects import (
    remove_beyond,
    remove_old_artifacts,
    remove_unreferred,
)
from services.orchestrator.retention.tally import Tally
from services.orchestrator.store.store import SqlStore
from tests.orchestrator.store.claiming import Rig, ended
from tests.orchestrator.store.test_retaining import NOW, retry
from tests.support.fresh_store import fresh_store
from tests.support.jobs import some_id

HOUR = timedelta(hours=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with fresh_store(f"sqlite:///{tmp_path / 'jobs.db'}") as made:
        yield made


@pytest.fixture
def rig(store: SqlStore) -> Rig:
    return Rig(store)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts.at((tmp_path / "artifacts").as_uri())


async def end(store: SqlStore, claim: Claim, state: JobState = JobState.SUCCEEDED) -> None:
    failing = state is JobState.FAILED
    outcome = JobOutcome.FAILED if failing else JobOutcome.NO_CHANGES
    await store.end(claim, ended(), state=state, outcome=outcome)


async def collect(store: SqlStore, artifacts: Artifacts, *, later: timedelta = 2 * HOUR) -> Tally:
    tally = Tally()
    now = datetime.now(UTC) + later
    await remove_unreferred(store, artifacts, tally, grace=HOUR, now=now)
    return tally


async def keys(artifacts: Artifacts) -> set[str]:
    return {one.key async for page in artifacts.listing() for one in page}


async def test_what_a_killed_driver_put_and_did_not_list_goes(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    claim = await rig.claim()
    orphan = await artifacts.put_segment(claim.job_id, b"lost")
    kept = await artifacts.put_bytes(claim.job_id, "a.log", b"listed")
    await store.keep(claim, [kept])
    await end(store, claim)

    tally = await collect(store, artifacts)

    assert await keys(artifacts) == {kept.key}
    assert [(one.kind, one.count, one.size_bytes) for one in tally.removed] == [("orphans", 1, 4)]
    assert orphan not in await keys(artifacts)


async def test_in_a_bucket_it_is_the_same(store: SqlStore, rig: Rig) -> None:
    bucket = Artifacts(MemoryStore())
    claim = await rig.claim()
    await bucket.put_segment(claim.job_id, b"lost")
    kept = await bucket.put_bytes(claim.job_id, "a.log", b"listed")
    await store.keep(claim, [kept])
    await end(store, claim)

    await collect(store, bucket)
    assert await keys(bucket) == {kept.key}
    await remove_old_artifacts(store, bucket, Tally(), older_than=NOW)

    assert await keys(bucket) == set()


async def test_what_was_listed_and_replaced_goes(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    claim = await rig.claim()
    for text in (b"first", b"second"):
        await store.keep(claim, [await artifacts.put_bytes(claim.job_id, "a.log", text)])
    await end(store, claim)

    await collect(store, artifacts)

    (listed,) = await store.artifacts(claim.job_id)
    assert await keys(artifacts) == {listed.key}


async def test_what_is_younger_than_the_grace_stays(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    claim = await rig.claim()
    orphan = await artifacts.put_segment(claim.job_id, b"lost")
    await end(store, claim)

    await collect(store, artifacts, later=HOUR / 2)

    assert await keys(artifacts) == {orphan}


async def test_a_job_that_goes_on_or_could_loses_nothing(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    running, failed = await rig.claim(), await rig.claim()
    mine = [await artifacts.put_bytes(one.job_id, "a", b"x") for one in (running, failed)]
    await end(store, failed, JobState.FAILED)

    await collect(store, artifacts)

    assert await keys(artifacts) == {one.key for one in mine}


async def test_what_is_of_no_job_of_this_store_is_left_alone(
    store: SqlStore, artifacts: Artifacts
) -> None:
    foreign = await artifacts.put_segment(some_id(), b"another's")

    await collect(store, artifacts)

    assert await keys(artifacts) == {foreign}


async def test_files_of_killed_puts_go_after_a_day(
    store: SqlStore, artifacts: Artifacts, tmp_path: Path
) -> None:
    job_id = some_id()
    key = await artifacts.put_segment(job_id, b"whole")
    half = (tmp_path / "artifacts" / key).with_name("0123#1")
    half.write_bytes(b"ha")

    await collect(store, artifacts)
    assert half.exists()
    old = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    os.utime(half, (old, old))
    await collect(store, artifacts)

    assert not half.exists()
    assert await keys(artifacts) == {key}


async def test_old_artifacts_go_with_their_folders(
    store: SqlStore, rig: Rig, artifacts: Artifacts, tmp_path: Path
) -> None:
    claim = await rig.claim()
    await store.keep(claim, [await artifacts.put_bytes(claim.job_id, "a.log", b"listed")])
    await end(store, claim)
    tally = Tally()

    await remove_old_artifacts(store, artifacts, tally, older_than=NOW)

    assert await keys(artifacts) == set()
    assert list((tmp_path / "artifacts" / "jobs").iterdir()) == []
    assert [(one.kind, one.count, one.size_bytes) for one in tally.removed] == [("artifacts", 1, 6)]


async def test_beyond_a_size_the_oldest_artifacts_go_with_their_bytes(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    left = []
    for number in range(5):
        claim = await rig.claim()
        made = await artifacts.put_bytes(claim.job_id, "a.log", bytes([number]) * 100)
        await store.keep(claim, [made])
        await end(store, claim)
        left.append(made.key)
    tally = Tally()

    await remove_beyond(store, artifacts, tally, size_bytes=250, grace=NOW)

    assert await keys(artifacts) == set(left[3:])
    assert [(one.kind, one.count, one.size_bytes) for one in tally.removed] == [
        ("artifacts", 3, 300)
    ]


async def test_a_collector_killed_between_rows_and_bytes_is_made_up_for(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    claim = await rig.claim()
    await store.keep(claim, [await artifacts.put_bytes(claim.job_id, "a.log", b"listed")])
    await end(store, claim)
    await store.give_up_artifacts(older_than=NOW, limit=10)
    assert len(await keys(artifacts)) == 1

    await collect(store, artifacts)

    assert await keys(artifacts) == set()


async def test_a_reader_gets_all_of_it_or_is_told_that_it_is_not_there(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    text = os.urandom(300_000)
    jobs = []
    for _ in range(10):
        claim = await rig.claim()
        await store.keep(claim, [await artifacts.put_bytes(claim.job_id, "a.log", text)])
        await end(store, claim)
        jobs.append(await rig.read(claim))

    async def outcome(number: int) -> str:
        for _ in range(number):
            await asyncio.sleep(0)
        try:
            pieces = reading.read(store, artifacts, jobs[number % 10], "a.log", 0)
            return "whole" if b"".join([data async for _, data in pieces]) == text else "half"
        except NotFound:
            return "gone"

    outcomes, _ = await asyncio.gather(
        asyncio.gather(*(outcome(number) for number in range(60))),
        remove_old_artifacts(store, artifacts, Tally(), older_than=NOW),
    )

    assert set(outcomes) <= {"whole", "gone"}
    assert await outcome(0) == "gone"


async def test_what_is_listed_and_missing_is_damage(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    claim = await rig.claim()
    kept = await artifacts.put_bytes(claim.job_id, "a.log", b"listed")
    await store.keep(claim, [kept])
    await artifacts.delete([kept.key])

    with pytest.raises(DataLoss):
        async for _ in reading.read(store, artifacts, await rig.read(claim), "a.log", 0):
            pass


async def test_equal_bytes_that_a_retry_puts_again_are_not_taken_from_under_it(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    """An old object of equal bytes has the key that a later attempt is about to list."""
    for _ in range(10):
        claim = await rig.claim()
        await rig.start(claim)
        await artifacts.put_bytes(claim.job_id, "a.log", b"equal")
        await end(store, claim, JobState.FAILED)

        async def again(first: Claim = claim) -> JobId:
            await retry(store, first)
            mine = await store.claim(first.job_id, owner="other", term=HOUR)
            assert mine is not None
            kept = await artifacts.put_bytes(first.job_id, "a.log", b"equal")
            await store.keep(mine, [kept])
            return first.job_id

        job_id, _ = await asyncio.gather(again(), collect(store, artifacts))

        job = await store.job(job_id)
        assert job is not None
        pieces = [data async for _, data in reading.read(store, artifacts, job, "a.log", 0)]
        assert b"".join(pieces) == b"equal"


async def test_output_of_a_running_step_stays(
    store: SqlStore, rig: Rig, artifacts: Artifacts
) -> None:
    claim = await rig.claim()
    await rig.start(claim)
    key = await artifacts.put_segment(claim.job_id, b"abc")
    segment = Segment(
        step_index=0, attempt=1, stream=Stream.STDOUT, offset=0, size=3, key=key, order=0
    )
    await store.append_output(claim, [segment])

    await collect(store, artifacts)

    assert await artifacts.read_segment(key) == b"abc"
