"""What is committed is read by everybody, from anywhere, before and after a crash."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pawl.wire.errors import NotFound, OutOfRange
from services.runner.frames import Acted, Ended, Output, Record, Started
from services.runner.journal import Journal
from services.runner.journal_file import MAGIC, NotAJournal
from services.runner.position import Position
from services.runner.values import Activity, ActivityKind, Exit, Finished, Outcome, Stream

TIME = datetime(2031, 2, 3, tzinfo=UTC)
SOON = timedelta(seconds=0.02)
FINISHED = Finished(outcome=Outcome.SUCCEEDED, end=Exit(code=0))


async def written(path: Path) -> Journal:
    """A journal with some of everything, `out` and `err` by turns."""
    journal = await Journal.open(path)
    journal.start(Started(argv=("codex",), version="1", time=TIME))
    for number in range(10):
        journal.output(Stream.STDOUT, b"out%d\n" % number, TIME)
        journal.output(Stream.STDERR, b"err%d\n" % number, TIME)
        journal.acted(Activity(kind=ActivityKind.MESSAGE, text=str(number)), TIME)
        await journal.commit()
    return journal


async def all_after(journal: Journal, position: Position) -> Sequence[Record]:
    reader, found = journal.reader(position), list[Record]()
    while records := await reader.read(SOON):
        found += records
    return found


def said(records: Sequence[Record], stream: Stream) -> bytes:
    return b"".join(r.data for r in records if isinstance(r, Output) and r.stream is stream)


def indexes(records: Sequence[Record]) -> list[int]:
    return [record.index for record in records if isinstance(record, Acted)]


@pytest.mark.parametrize("reopened", [False, True])
@pytest.mark.parametrize(
    "position", [Position(), Position(7, 0, 3), Position(50, 49, 10), Position(0, 50, 9)]
)
async def test_a_reader_gets_exactly_what_follows_its_position(
    tmp_path: Path, position: Position, reopened: bool
) -> None:
    journal = await written(tmp_path / "journal")
    if reopened:
        journal = await Journal.open(tmp_path / "journal")

    records = await all_after(journal, position)

    out = b"".join(b"out%d\n" % number for number in range(10))
    err = b"".join(b"err%d\n" % number for number in range(10))
    assert said(records, Stream.STDOUT) == out[position.stdout :]
    assert said(records, Stream.STDERR) == err[position.stderr :]
    assert indexes(records) == list(range(position.activities, 10))


async def test_what_is_not_committed_is_not_read(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal")
    journal.output(Stream.STDOUT, b"not yet", TIME)

    assert await all_after(journal, Position()) == []


async def test_a_waiting_reader_is_woken_by_a_commit(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal")
    reader = journal.reader(Position())

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(reader.read(timedelta(minutes=1)))
        await asyncio.sleep(0)
        journal.output(Stream.STDOUT, b"now", TIME)
        await journal.commit()

    assert said(waiting.result(), Stream.STDOUT) == b"now"


async def test_behind_the_end_there_is_nothing_to_attach_to(tmp_path: Path) -> None:
    journal = await written(tmp_path / "journal")

    with pytest.raises(OutOfRange) as refusal:
        journal.reader(Position(51, 0, 0))

    assert refusal.value.reason == "AFTER_END"


@pytest.mark.parametrize("lost", [1, 5, 20, 60])
async def test_a_torn_end_is_cut_off_and_written_anew(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "journal"
    before = (await written(path)).position
    path.write_bytes(path.read_bytes()[:-lost])

    journal = await Journal.open(path)
    assert journal.position.within(before)
    assert journal.position != before
    journal.output(Stream.STDOUT, b"#" * (100 - journal.position.stdout), TIME)
    await journal.commit()

    again = await Journal.open(path)
    out = said(await all_after(again, Position()), Stream.STDOUT)
    assert len(out) == 100
    assert out.strip(b"#").startswith(b"out0\nout1\n")


async def test_a_block_of_zeros_at_the_end_is_cut_off(tmp_path: Path) -> None:
    """Some file systems leave the size without the bytes when the power goes."""
    path = tmp_path / "journal"
    journal = await written(path)
    before, size = journal.position, path.stat().st_size
    with path.open("ab") as file:
        file.write(bytes(5000))

    assert (await Journal.open(path)).position == before
    assert path.stat().st_size == size


async def test_the_last_record_closes_it_for_good(tmp_path: Path) -> None:
    journal = await written(tmp_path / "journal")
    journal.finish(FINISHED, TIME)
    await journal.commit()

    again = await Journal.open(tmp_path / "journal")

    assert again.ended == Ended(finished=FINISHED, time=TIME)
    with pytest.raises(ValueError, match="finished"):
        again.output(Stream.STDOUT, b"more", TIME)


async def test_a_disk_that_refuses_loses_nothing_that_was_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await written(tmp_path / "journal")

    def full(data: bytes, offset: int) -> None:
        raise OSError(28, "No space left on device")

    journal.output(Stream.STDOUT, b"kept", TIME)
    with monkeypatch.context() as patch:
        patch.setattr(journal._file, "write", full)
        with pytest.raises(OSError, match="No space"):
            await journal.commit()
    await journal.commit()

    assert said(await all_after(journal, Position(50, 50, 10)), Stream.STDOUT) == b"kept"


async def test_a_large_piece_is_cut_into_records_that_fit_a_message(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal")
    data = bytes(range(256)) * 4096
    journal.output(Stream.STDOUT, data, TIME)
    await journal.commit()

    records = await all_after(journal, Position())

    assert said(records, Stream.STDOUT) == data
    assert max(len(r.data) for r in records if isinstance(r, Output)) <= 60 * 1024


async def test_attaching_near_the_end_does_not_read_it_all(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path / "journal")
    for _ in range(64):
        journal.output(Stream.STDOUT, bytes(256 * 1024), TIME)
        await journal.commit()

    reader = journal.reader(Position(stdout=16 * 1024 * 1024 - 1))

    assert reader._offset > 14 * 1024 * 1024
    assert said(await reader.read(SOON), Stream.STDOUT) == b"\x00"


async def test_another_file_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"something else entirely")

    with pytest.raises(NotAJournal):
        await Journal.open(tmp_path / "journal")


async def test_a_journal_torn_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(MAGIC[:5])

    journal = await written(tmp_path / "journal")

    assert journal.position == Position(50, 50, 10)


async def test_one_that_is_let_go_is_freed_although_somebody_still_reads_it(
    tmp_path: Path,
) -> None:
    """A stream whose caller was killed once kept a removed journal on the disk for hours."""
    journal = await written(tmp_path / "journal")
    reader = journal.reader(Position())

    journal.let_go()

    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not any(str(tmp_path) in str(os.path.realpath(link)) for link in links)
    with pytest.raises(NotFound):
        await reader.read(SOON)
