"""A git process is bounded in time, in words, in what it inherits."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.source.git import (
    Completed,
    Git,
    GitFailed,
    GitSaidTooMuch,
    GitTimedOut,
    disk_is_full,
    readable,
    storage_full,
)
from tests.support.processes import alive


@pytest.fixture
def fake(tmp_path: Path) -> Git:
    """A `git` that is whatever script the test writes to ``bin/git``."""
    (tmp_path / "bin").mkdir()
    return Git(path=f"{tmp_path}/bin:{os.environ['PATH']}")


def script(tmp_path: Path, text: str) -> None:
    program = tmp_path / "bin/git"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


async def test_nothing_of_our_environment_is_inherited(
    fake: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no home is named, curl reads the .netrc in the one of the user's account."""
    script(tmp_path, "env")
    monkeypatch.setenv("PAWL_SECRET", "x")
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv("GIT_SSH_COMMAND", "evil")

    done = await fake.run("version", git_dir=tmp_path)

    given = dict(line.split("=", 1) for line in done.stdout.decode().splitlines())
    assert not given.keys() & {"PAWL_SECRET", "GIT_SSH_COMMAND"}
    assert given["HOME"] == "/dev/null"


async def test_a_git_that_hangs_is_ended_with_its_children(fake: Git, tmp_path: Path) -> None:
    script(tmp_path, f"sleep 1000 & echo $! > {tmp_path}/child; wait")

    with pytest.raises(GitTimedOut):
        await fake.run("fetch", git_dir=tmp_path, timeout=timedelta(seconds=2))

    child = int((tmp_path / "child").read_text())
    await until(lambda: not alive(child))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - other processes set no events
            await asyncio.sleep(0.01)


async def test_a_cancelled_call_ends_its_git(fake: Git, tmp_path: Path) -> None:
    script(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(fake.run("fetch", git_dir=tmp_path))
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        call.cancel()

    assert not alive(int((tmp_path / "pid").read_text()))


async def test_a_git_that_talks_without_end_is_ended(fake: Git, tmp_path: Path) -> None:
    script(tmp_path, "exec yes")

    with pytest.raises(GitSaidTooMuch):
        await fake.run("ls-remote", git_dir=tmp_path, limit_bytes=100_000)


async def test_the_first_and_the_last_words_of_a_long_complaint_are_kept(
    fake: Git, tmp_path: Path
) -> None:
    script(tmp_path, "echo first >&2; yes complaint | head -c 500000 >&2; echo last >&2; exit 3")

    with pytest.raises(GitFailed) as caught:
        await fake.run("fetch", git_dir=tmp_path)

    said = caught.value.completed.stderr
    assert said.startswith("first")
    assert said.endswith("last")
    assert len(said) < 20_000


async def test_a_git_that_does_not_read_its_input_does_not_hang(fake: Git, tmp_path: Path) -> None:
    script(tmp_path, "exit 0")

    done = await fake.run("hash-object", git_dir=tmp_path, stdin=b"x" * 1_000_000)

    assert done.code == 0


async def test_a_full_disk_is_said_to_be_full(fake: Git, tmp_path: Path) -> None:
    script(tmp_path, "echo 'fatal: write error: No space left on device' >&2; exit 128")

    with pytest.raises(JobFailed) as caught:
        await fake.run("index-pack", git_dir=tmp_path)

    assert caught.value.failure.reason is Reason.STORAGE_FULL


def test_the_remotes_full_disk_is_not_ours() -> None:
    assert not disk_is_full("remote: fatal: No space left on device\nfatal: bad")
    assert isinstance(storage_full(), JobFailed)


def test_words_for_people_hold_no_secret_and_no_control() -> None:
    raw = b"fatal: https://user:pw@host/x\x1b[31m\xff token-1 \xe2\x80\xae"

    assert readable(raw, ["token-1"]) == "fatal: https://host/x\\x1b[31m\ufffd ******* \\u202e"


def test_a_failure_says_what_git_said() -> None:
    failure = GitFailed("fetch", Completed(code=128, stdout=b"", stderr="fatal: no"))

    assert str(failure) == "git fetch ended with 128: fatal: no"
