"""Bytes as they are put and read back, on a disk."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from services.orchestrator.artifacts import Artifacts
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.jobs.job import Artifact, JobId

JOB = JobId("some-job")


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """An empty place, in a folder whose name has to be quoted in a URL."""
    return Artifacts.at((tmp_path / "kept ü").as_uri())


async def whole(artifacts: Artifacts, artifact: Artifact, offset: int = 0) -> bytes:
    """Everything from an offset on."""
    return b"".join([piece async for piece in artifacts.read(artifact, offset)])


async def test_a_file_comes_back_as_it_was(artifacts: Artifacts, tmp_path: Path) -> None:
    source = tmp_path / "big.patch"
    source.write_bytes(os.urandom(12_000_000))

    artifact = await artifacts.put_file(JOB, "patches/changes.patch", source)

    assert artifact.size == 12_000_000
    assert artifact.content_type == "text/x-patch"
    assert artifact.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert await whole(artifacts, artifact) == source.read_bytes()


async def test_a_file_that_does_not_fit_leaves_nothing(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "big.patch"
    source.write_bytes(b"data")

    def full(_: Path, draft: Path) -> None:
        draft.write_bytes(b"da")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(JobFailed):
        await artifacts.put_file(JOB, "patches/changes.patch", source)

    assert [path for path in (tmp_path / "kept ü").rglob("*") if path.is_file()] == []


async def test_an_empty_artifact_has_no_pieces(artifacts: Artifacts) -> None:
    artifact = await artifacts.put_bytes(JOB, "logs/prepare.log", b"")

    assert [piece async for piece in artifacts.read(artifact)] == []


async def test_keys_owe_nothing_to_the_name(artifacts: Artifacts, tmp_path: Path) -> None:
    artifact = await artifacts.put_bytes(JOB, "../../etc/passwd\0", b"data")

    assert artifact.key == f"jobs/{JOB}/artifacts/{artifact.sha256}"
    assert (tmp_path / "kept ü" / artifact.key).read_bytes() == b"data"
    assert artifact.content_type == "application/octet-stream"


async def test_putting_the_same_again_changes_nothing(artifacts: Artifacts) -> None:
    first = await artifacts.put_bytes(JOB, "a.json", b"{}")

    assert await artifacts.put_bytes(JOB, "a.json", b"{}") == first


async def test_a_range_of_a_log_is_read(artifacts: Artifacts) -> None:
    artifact = await artifacts.put_bytes(JOB, "a.log", b"0123456789")

    assert await artifacts.read_range(artifact.key, 3, 4) == b"3456"


async def test_segments_go_when_they_are_deleted(artifacts: Artifacts) -> None:
    keys = [await artifacts.put_segment(JOB, bytes([number])) for number in range(3)]
    assert await artifacts.read_segment(keys[1]) == b"\1"

    await artifacts.delete(keys[:2])
    await artifacts.delete(keys)

    for key in keys:
        with pytest.raises(FileNotFoundError):
            await artifacts.read_segment(key)


async def test_what_is_put_is_on_the_disk_before_it_is_named(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)

    key = await artifacts.put_segment(JOB, b"data")

    root = tmp_path / "kept ü"
    file = root / key
    assert synced[:2] == [str(file), str(file.parent)]
    assert {str(root), str(root / "jobs"), str(root / "jobs" / JOB)} <= set(synced)


async def test_a_full_disk_fails_the_job_in_plain_words(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(JobFailed) as failed:
        await artifacts.put_segment(JOB, b"data")

    assert failed.value.failure.reason is Reason.STORAGE_FULL
