"""A lock that a killed git left is removed; one that somebody holds is waited for."""

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path

from pawl.left_locks import freed
from tests.support.held_lock import held

AGE = timedelta(seconds=0.4)


def complaint(lock: Path) -> str:
    return (
        f"fatal: update_ref failed for ref 'refs/x': cannot lock ref 'refs/x': Unable to create "
        f"'{lock}': File exists.\n\nAnother git process seems to be running in this repository"
    )


def old(lock: Path) -> Path:
    lock.touch()
    os.utime(lock, (time.time() - 60, time.time() - 60))
    return lock


async def test_an_old_lock_is_removed(tmp_path: Path) -> None:
    lock = old(tmp_path / "x.lock")

    assert await freed(complaint(lock), within=[tmp_path], age=AGE)
    assert not lock.exists()


async def test_a_held_lock_is_waited_for(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.touch()
    asyncio.get_running_loop().call_later(0.1, lock.unlink)

    assert await freed(complaint(lock), within=[tmp_path], age=timedelta(seconds=30))


async def test_a_lock_that_is_renewed_all_the_time_stays(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"

    async with held(lock):
        assert not await freed(complaint(lock), within=[tmp_path], age=AGE)
        assert lock.exists()


async def test_a_lock_of_a_time_to_come_is_removed_once_it_has_been_seen_long_enough(
    tmp_path: Path,
) -> None:
    """A power cut after which the clock is behind once kept a repository locked for that long."""
    lock = tmp_path / "x.lock"
    lock.touch()
    ahead = time.time() + 3600
    os.utime(lock, (ahead, ahead))

    assert await freed(complaint(lock), within=[tmp_path], age=AGE)
    assert not lock.exists()


async def test_no_file_elsewhere_is_touched(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    lock = old(tmp_path / "x.lock")

    assert not await freed(complaint(lock), within=[tmp_path / "ours"], age=AGE)
    sideways = tmp_path / "ours" / ".." / "x.lock"
    assert not await freed(complaint(sideways), within=[tmp_path / "ours"], age=AGE)
    assert lock.exists()


async def test_other_words_are_no_lock(tmp_path: Path) -> None:
    assert not await freed("fatal: bad object", within=[tmp_path], age=AGE)
