"""OrchestratorService.GetStorage: each promise of the proto's comment."""

from collections.abc import Collection

from typing_extensions import override

from pawl.v1 import job_pb2
from pawl.v1 import orchestrator_pb2 as pb
from services.orchestrator.jobs.claim import StoreAway
from services.orchestrator.store.store import SqlStore
from tests.promises.orchestrator import House


class AwayStore(SqlStore):
    """A store whose database does not answer."""

    @override
    async def settled(self, job_ids: Collection[str]) -> Collection[str]:
        raise StoreAway("the disk is on fire")


async def asked(house: House) -> job_pb2.Storage:
    return (await house.stub.GetStorage(pb.GetStorageRequest())).storage


async def left(house: House) -> str:
    """A job that ended with an artifact. Its id."""
    claim = await house.running()
    await house.finish(claim, b"what the CLI wrote")
    await house.end(claim)
    return claim.job_id


async def test_sizes_are_those_of_the_last_collection(house: House) -> None:
    before = await asked(house)
    await left(house)
    await house.collector.round()
    await left(house)

    storage = await asked(house)

    assert list(before.uses) == []
    assert not before.HasField("last_collection")
    uses = {use.kind: use for use in storage.uses}
    assert uses.keys() == {"database", "artifacts", "checkpoints", "mirrors"}
    assert (uses["artifacts"].count, uses["artifacts"].size_bytes) == (1, 18)
    assert uses["artifacts"].retention.ToTimedelta().days == 90
    assert uses["checkpoints"].retention.ToTimedelta().days == 30
    assert uses["database"].count == 1
    assert not uses["database"].HasField("retention")
    assert storage.last_collection.end_time.ToSeconds() <= storage.time.ToSeconds()


async def test_the_room_on_disks_is_found_out_now(house: House) -> None:
    (disk,) = (await asked(house)).disks

    assert list(disk.kinds) == ["database", "artifacts"]
    assert 0 < disk.free_bytes < disk.size_bytes


async def test_it_answers_while_the_database_does_not(house: House) -> None:
    house.collector.store = AwayStore(house.store._threads)
    await house.collector.look()

    storage = await asked(house)

    worst = storage.warnings[0]
    assert (worst.reason, worst.grave) == ("DATABASE_AWAY", True)
    assert "the disk is on fire" in worst.message
    assert worst.remedy


async def test_whether_the_forge_can_be_used_is_told(house: House) -> None:
    told = {one.reason: one for one in (await asked(house)).warnings}

    assert not told["NO_FORGE_KEY"].grave
    assert told["NO_FORGE_KEY"].remedy


async def test_to_ask_removes_nothing(house: House) -> None:
    job_id = await left(house)
    orphan = await house.artifacts.put_segment((await house.job(job_id)).job_id, b"lost")

    await asked(house)

    assert await house.artifacts.read_segment(orphan) == b"lost"
    assert len(await house.store.artifacts(job_id)) == 1
