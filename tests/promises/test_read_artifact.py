"""OrchestratorService.ReadArtifact and ListArtifacts: each promise and status."""

import os
from datetime import timedelta

from pawl.v1 import orchestrator_pb2 as pb
from pawl.wire.errors import DataLoss, InvalidArgument, NotFound, OutOfRange
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import Artifact
from tests.promises.orchestrator import House, refusal

PATH = "logs/execute.log"


async def kept(house: House, data: bytes, path: str = PATH) -> tuple[Claim, Artifact]:
    """A job that has left an artifact behind."""
    claim = await house.rig.claim()
    artifact = await house.artifacts.put_bytes(claim.job_id, path, data)
    await house.store.keep(claim, [artifact])
    return claim, artifact


def reading(claim: Claim, offset: int = 0, path: str = PATH) -> pb.ReadArtifactRequest:
    """A request for the artifact."""
    return pb.ReadArtifactRequest(job_id=claim.job_id, path=path, offset=offset)


async def test_artifacts_are_listed_by_path(house: House) -> None:
    claim, artifact = await kept(house, b"data")
    other = await house.artifacts.put_bytes(claim.job_id, "a.patch", b"diff")
    await house.store.keep(claim, [other])

    answer = await house.stub.ListArtifacts(pb.ListArtifactsRequest(job_id=claim.job_id))

    assert [one.path for one in answer.artifacts] == ["a.patch", PATH]
    listed = answer.artifacts[1]
    assert (listed.size_bytes, listed.sha256) == (4, artifact.sha256)
    assert listed.content_type == "text/plain"
    assert listed.HasField("create_time")


async def test_listing_names_a_job_that_is_not_there(house: House) -> None:
    refused = await refusal(house.stub.ListArtifacts(pb.ListArtifactsRequest(job_id="nothing")))

    assert isinstance(refused, NotFound)
    assert refused.reason == "JOB_NOT_FOUND"


async def test_what_was_removed_for_its_age_is_not_found_and_that_is_said(house: House) -> None:
    claim, _ = await kept(house, b"data")
    await house.end(claim)
    await house.store.give_up_artifacts(older_than=timedelta(seconds=-60), limit=1)

    answer = await house.stub.ListArtifacts(pb.ListArtifactsRequest(job_id=claim.job_id))
    refused = await refusal(house.stub.ReadArtifact(reading(claim)))

    assert list(answer.artifacts) == []
    assert isinstance(refused, NotFound)
    assert refused.reason == "ARTIFACT_NOT_FOUND"
    assert "removed for their age" in refused.message


async def test_the_bytes_come_whole_in_pieces_of_64_kib_at_most(house: House) -> None:
    data = os.urandom(300_000)
    claim, _ = await kept(house, data)

    pieces = [one async for one in house.stub.ReadArtifact(reading(claim))]

    assert b"".join(one.data for one in pieces) == data
    assert max(len(one.data) for one in pieces) <= 64 * 1024
    offset = 0
    for one in pieces:
        assert one.offset == offset
        offset += len(one.data)


async def test_reading_goes_on_from_an_offset(house: House) -> None:
    data = os.urandom(200_000)
    claim, _ = await kept(house, data)

    for offset in (1, 65_536, 131_073, 199_999, 200_000):
        pieces = [one async for one in house.stub.ReadArtifact(reading(claim, offset))]
        assert b"".join(one.data for one in pieces) == data[offset:]
        assert not pieces or pieces[0].offset == offset


async def test_a_file_that_does_not_match_its_digest_is_never_passed_off_as_whole(
    house: House,
) -> None:
    data = os.urandom(200_000)
    claim, artifact = await kept(house, data)
    file = house.folder / "artifacts" / artifact.key
    for damaged in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data + b"x", b""):
        file.write_bytes(damaged)
        for offset in (0, 199_999):
            got = b""
            call = house.stub.ReadArtifact(reading(claim, offset))

            async def read() -> None:
                nonlocal got
                async for piece in call:  # noqa: B023 - awaited before the next round
                    got += piece.data

            refused = await refusal(read())

            assert isinstance(refused, DataLoss)
            assert refused.reason == "ARTIFACT_CORRUPT"
            assert len(got) < 200_000 - offset


async def test_a_file_that_is_gone_is_data_loss(house: House) -> None:
    claim, artifact = await kept(house, b"data")
    (house.folder / "artifacts" / artifact.key).unlink()

    refused = await refusal(house.stub.ReadArtifact(reading(claim)))

    assert isinstance(refused, DataLoss)


async def test_names_that_are_not_there_are_told_apart(house: House) -> None:
    claim, _ = await kept(house, b"data")

    no_job = await refusal(
        house.stub.ReadArtifact(pb.ReadArtifactRequest(job_id="nothing", path=PATH))
    )
    no_path = await refusal(house.stub.ReadArtifact(reading(claim, path="../../secret")))

    assert isinstance(no_job, NotFound)
    assert isinstance(no_path, NotFound)
    assert (no_job.reason, no_path.reason) == ("JOB_NOT_FOUND", "ARTIFACT_NOT_FOUND")


async def test_an_offset_behind_the_end_is_refused(house: House) -> None:
    claim, _ = await kept(house, b"data")

    refused = await refusal(house.stub.ReadArtifact(reading(claim, 5)))

    assert isinstance(refused, OutOfRange)
    assert refused.reason == "AFTER_END"


async def test_an_offset_before_the_beginning_is_refused(house: House) -> None:
    claim, _ = await kept(house, b"data")

    refused = await refusal(house.stub.ReadArtifact(reading(claim, -1)))

    assert isinstance(refused, InvalidArgument)
