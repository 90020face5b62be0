"""Rounds that are made again and again for the length of a block."""

import asyncio
from datetime import timedelta

import pytest

from pawl.rounds import rounds

AT_ONCE = timedelta()
NEVER = timedelta(days=1)


async def test_one_round_is_over_before_the_next_begins_and_none_outlasts_the_block() -> None:
    under_way, most, made = 0, 0, 0
    enough = asyncio.Event()

    async def make() -> None:
        nonlocal under_way, most, made
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        made += 1
        if made == 3:
            enough.set()
        under_way -= 1

    async with rounds(make, every=AT_ONCE, name="test"):
        await enough.wait()

    after = made
    for _ in range(10):
        await asyncio.sleep(0)
    assert (most, made) == (1, after)


async def test_who_leaves_waits_for_no_pause() -> None:
    async def make() -> None:
        raise AssertionError("not due for a day")

    async with rounds(make, every=NEVER, first=NEVER, name="test"):
        await asyncio.sleep(0)


async def test_what_a_round_raises_ends_the_block() -> None:
    async def make() -> None:
        raise LookupError("scripted")

    with pytest.RaisesGroup(LookupError):
        async with rounds(make, every=AT_ONCE, name="test"):
            await asyncio.Event().wait()
