"""What is measured of disks, and how it travels."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pawl import concerns, storage
from pawl.storage import Collection, Disk, Removed, Storage, Use
from pawl.wire.storage import from_message, to_message

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_the_size_of_a_folder_is_that_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(b"x" * 100)
    (tmp_path / "a" / "b" / "two").write_bytes(b"x" * 23)
    (tmp_path / "link").symlink_to("nowhere")

    assert storage.size_of(tmp_path / "a") == 123
    assert storage.size_of(tmp_path) == 123 + len("nowhere")
    assert storage.size_of(tmp_path / "nothing") == 0


def test_folders_on_one_disk_are_one_disk(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()

    (disk,) = storage.disks({"one": tmp_path, "two": tmp_path / "a", "not yet": tmp_path / "b"})

    assert disk.kinds == ("one", "two")
    assert 0 < disk.free_bytes < disk.size_bytes


def test_git_tells_its_version(tmp_path: Path) -> None:
    assert storage.git_version()[:2] == "2."
    assert storage.git_version(str(tmp_path)) == ""


def test_it_arrives_as_it_was_sent() -> None:
    sent = Storage(
        time=NOW,
        git_version="2.39.5",
        uses=(
            Use(
                kind="caches",
                count=2,
                size_bytes=7,
                oldest=NOW,
                retention=timedelta(days=30),
                limit_bytes=9,
            ),
            Use(kind="trash"),
        ),
        disks=(Disk(kinds=("data",), size_bytes=10, free_bytes=4),),
        last=Collection(
            start=NOW,
            end=NOW,
            removed=(Removed(kind="caches", count=1, size_bytes=5),),
            problem="no",
        ),
        round=timedelta(hours=1),
    )
    whole = replace(sent, concerns=concerns.of(sent))

    assert from_message(to_message(whole)) == whole
    assert whole.concerns


def test_what_was_not_measured_is_absent() -> None:
    bare = Storage(time=NOW)

    assert from_message(to_message(bare)) == bare
    assert not to_message(bare).HasField("last_collection")
