"""Captures become journal records, masked, cut and understood."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.runner import ending
from services.runner.following import Follower
from services.runner.frames import Acted, Output
from services.runner.journal import Journal
from services.runner.lines import Lines
from services.runner.position import Position
from services.runner.runtimes.runtime import Verdict
from services.runner.values import Activity, ActivityKind, Exit, Stream, Usage

TIME = datetime(2031, 1, 1, tzinfo=UTC)


class Parrot:
    """A reader to which every line is a message; `over` is a result."""

    resulted = False
    usage: Usage | None = None

    def line(self, line: bytes) -> Sequence[Activity]:
        self.resulted = line == b"over"
        return [Activity(kind=ActivityKind.MESSAGE, text=line.decode()[:100])]

    def verdict(self, end: Exit, stderr_tail: bytes, *, dismissed: bool = False) -> Verdict:
        raise AssertionError("nobody asks for it here")


class Desk:
    """A run's directory with captures that a test writes to."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, stream: str, data: bytes) -> None:
        with (self.directory / stream).open("ab") as file:
            file.write(data)

    async def follower(self, secrets: Sequence[bytes] = (), most_bytes: int = 1 << 30) -> Follower:
        journal = await Journal.open(self.directory / "journal")
        follower = Follower(
            self.directory,
            journal,
            Parrot(),
            secrets=secrets,
            most_bytes=most_bytes,
            now=lambda: TIME,
        )
        await follower.begin()
        return follower

    async def told(self) -> tuple[bytes, bytes, list[str]]:
        """What the journal on disk holds: stdout, stderr, activities."""
        reader = (await Journal.open(self.directory / "journal")).reader(Position())
        streams = {Stream.STDOUT: b"", Stream.STDERR: b""}
        texts: list[str] = []
        while records := await reader.read(timedelta()):
            for record in records:
                if isinstance(record, Output):
                    streams[record.stream] += record.data
                elif isinstance(record, Acted):
                    assert record.index == len(texts)
                    texts.append(record.activity.text)
        return streams[Stream.STDOUT], streams[Stream.STDERR], texts


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def drained(follower: Follower) -> None:
    while await follower.pump():
        continue
    await follower.end()


async def test_both_streams_and_every_line_arrive(desk: Desk) -> None:
    follower = await desk.follower()
    desk.write("stdout", b"one\ntw")
    desk.write("stderr", b"oops\n")
    await follower.pump()
    desk.write("stdout", b"o\nlast")

    await drained(follower)

    assert await desk.told() == (b"one\ntwo\nlast", b"oops\n", ["one", "two", "last"])
    assert follower.stderr_tail == b"oops\n"


async def test_secrets_are_masked_in_output_and_in_activities(desk: Desk) -> None:
    follower = await desk.follower(secrets=[b"hunter2-hunter2"])
    for piece in (b"key hunter2", b"-hunt", b"er2\nhunter2-", b"house\n"):
        desk.write("stdout", piece)
        await follower.pump()

    await drained(follower)

    stdout, _, texts = await desk.told()
    assert stdout == b"key ***************\nhunter2-house\n"
    assert texts == ["key ***************", "hunter2-house"]


@pytest.mark.parametrize("cut", range(0, 42, 3))
async def test_a_follower_that_starts_anew_goes_on_exactly_where_the_last_one_stopped(
    desk: Desk, cut: int
) -> None:
    text = b"first\nkey hunter2-hunter2\nsecond\nthird\n"
    desk.write("stdout", text[:cut])
    await (await desk.follower(secrets=[b"hunter2-hunter2"])).pump()
    desk.write("stdout", text[cut:])

    await drained(await desk.follower(secrets=[b"hunter2-hunter2"]))

    masked = text.replace(b"hunter2-hunter2", b"*" * 15)
    assert await desk.told() == (masked, b"", masked.decode().splitlines())


@pytest.mark.parametrize("written", [100, 101, 5000])
async def test_output_ends_exactly_at_the_limit(desk: Desk, written: int) -> None:
    follower = await desk.follower(most_bytes=100)
    desk.write("stdout", b"x" * written)

    await drained(follower)

    stdout, _, _ = await desk.told()
    assert len(stdout) == 100
    assert follower.trouble == (None if written == 100 else ending.OUTPUT)


async def test_a_capture_that_shrinks_is_trouble(desk: Desk) -> None:
    follower = await desk.follower()
    desk.write("stdout", b"x" * 100)
    await follower.pump()
    (desk.directory / "stdout").write_bytes(b"y" * 50)

    await drained(follower)

    assert follower.trouble == ending.CORRUPT
    assert (await desk.told())[0] == b"x" * 100


async def test_a_line_too_long_to_hold_is_told_of_and_kept_in_the_output(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lines.__init__, "__defaults__", (1000,))
    follower = await desk.follower()
    desk.write("stdout", b"x" * 5000 + b"\nnext\n")

    await drained(follower)

    stdout, _, texts = await desk.told()
    assert len(stdout) == 5006
    assert "too long" in " ".join(texts)
    assert "next" in texts


async def test_a_full_disk_is_trouble_and_what_was_read_is_not_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = await desk.follower()
    desk.write("stdout", b"one\n")

    def full(data: bytes, offset: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(follower._journal._file, "write", full)
        await follower.pump()
    assert follower.trouble == ending.STORAGE
    await drained(follower)

    assert (await desk.told())[0] == b"one\n"


async def test_the_result_is_noticed(desk: Desk) -> None:
    follower = await desk.follower()
    desk.write("stdout", b"over\n")

    await follower.pump()

    assert follower.resulted
