"""What `Run` and its neighbours promise about one run, on real processes."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.runner.calls import FAILED, SUCCEEDED, repo
from tests.runner.serving import (
    Heard,
    Stub,
    eventually,
    follow,
    follow_until,
    prepare,
    request,
    serving,
)


async def test_a_run_is_followed_from_its_start_to_its_end(runner: Stub, tmp_path: Path) -> None:
    heard = await follow(runner, request("write new.txt hello", "say all done"))

    assert [begun.version for begun in heard.started] == ["0.0.0-scripted"]
    assert heard.end.outcome == SUCCEEDED
    assert heard.end.exit_code == 0
    assert heard.end.final_message == "all done"
    assert heard.end.usage.input_tokens > 0
    assert heard.end.stdout_bytes == len(heard.stdout)
    assert heard.end.activity_count == len(heard.activities) > 0
    assert (repo(tmp_path) / "new.txt").read_text() == "hello"


async def test_a_failing_agent_ends_its_stream_with_ok(runner: Stub) -> None:
    heard = await follow(runner, request("stderr oh no", "exit 3"))

    assert (heard.end.outcome, heard.end.exit_code) == (FAILED, 3)
    assert heard.end.failure.reason == "AGENT_EXIT"
    assert bytes(heard.stderr) == b"oh no\n"


async def test_an_end_by_signal_is_told_apart(runner: Stub) -> None:
    heard = await follow(runner, request("signal KILL"))

    assert (heard.end.outcome, heard.end.signal) == (FAILED, signal.SIGKILL)
    assert not heard.end.HasField("exit_code")
    assert heard.end.failure.reason == "AGENT_SIGNALLED"


async def test_asking_again_attaches_and_starts_nothing(runner: Stub, tmp_path: Path) -> None:
    asked = request("audit ../starts", "bytes 100000", "wait-for ../go", "say bye")
    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(follow(runner, asked)) for _ in range(3)]
        await eventually((repo(tmp_path) / "../starts").exists, "the agent never started")
        (repo(tmp_path) / "../go").touch()

    first, *others = [reader.result() for reader in readers]
    again = await follow(runner, asked)

    assert all(other.stdout == first.stdout for other in (*others, again))
    assert all(other.activities == first.activities for other in (*others, again))
    assert (repo(tmp_path) / "../starts").read_text().count("start") == 1


async def test_a_reader_gets_what_follows_its_position(runner: Stub) -> None:
    asked = request("bytes 300000", "say bye")
    whole = await follow(runner, asked)
    asked.stdout_offset, asked.activity_index = 123_457, 2

    rest = Heard(stdout=bytearray(whole.stdout[:123_457]), activities=list(whole.activities[:2]))
    await follow(runner, asked, rest)

    assert (rest.stdout, rest.activities) == (whole.stdout, whole.activities)


async def test_a_lost_stream_does_not_stop_the_run(runner: Stub, tmp_path: Path) -> None:
    asked, heard = request("bytes 50000", "wait-for ../go", "say bye"), Heard()
    call = runner.Run(asked)
    await follow_until(call, heard, lambda so_far: len(so_far.stdout) > 50_000)

    call.cancel()
    (repo(tmp_path) / "../go").touch()
    await follow(runner, asked, heard)

    assert heard.end.outcome == SUCCEEDED


async def test_a_line_of_five_megabytes_comes_whole_in_small_messages(runner: Stub) -> None:
    heard = await follow(runner, request("line 5000000", "say after it"))

    assert max(map(len, heard.stdout.split(b"\n"))) > 4_999_000
    assert heard.largest <= 64 * 1024
    assert heard.end.final_message == "after it"


async def test_silence_is_filled_with_heartbeats(runner: Stub) -> None:
    heard = Heard()
    call = runner.Run(request("silent 600"))

    await follow_until(call, heard, lambda so_far: so_far.heartbeats == 2)

    assert heard.finished is None
    call.cancel()


async def test_a_secret_is_masked_wherever_the_agent_says_it(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    async with serving(tmp_path / "runner") as stub:
        await prepare(stub, repository)

        heard = await follow(
            stub,
            request(
                "stdout sk-canary-0123456789",
                "stderr sk-canary-0123456789",
                "say sk-canary-0123456789",
            ),
        )

    everything = b"".join(path.read_bytes() for path in (tmp_path / "runner/runs").rglob("journal"))
    told = bytes(heard.stdout + heard.stderr) + str(heard).encode()
    assert b"canary" not in told + everything
    assert bytes(heard.stderr) == b"*" * 20 + b"\n"
