"""What the cache of a repository takes in, and what it offers."""

import asyncio
import os
from pathlib import Path

import pytest

from pawl.wire.errors import DataLoss
from services.runner.workspace import cache as caches
from services.runner.workspace.cache import Cache
from tests.runner.workspace.conftest import KEY, Origin
from tests.support.repositories import commit, git


def grow(origin: Origin, number: int = 1) -> str:
    (origin.repository / "README.md").write_text(f"version {number}\n" * 100)
    return commit(origin.repository, f"Version {number}")


async def test_an_unknown_repository_has_nothing(origin: Origin) -> None:
    cache = origin.workspaces.cache(KEY)

    assert await cache.tips() == []
    assert not await cache.has(origin.head())


async def test_a_pack_brings_its_commit(origin: Origin) -> None:
    await origin.feed(origin.head())

    cache = origin.workspaces.cache(KEY)

    assert await cache.tips() == [origin.head()]
    assert await cache.has(origin.head())


async def test_a_thin_pack_builds_on_what_is_there(origin: Origin) -> None:
    first = grow(origin, 1)
    await origin.feed(first)
    second = grow(origin, 2)

    await origin.feed(second)

    assert await origin.workspaces.cache(KEY).tips() == [second, first]


async def test_the_tip_used_last_comes_first(origin: Origin) -> None:
    first = grow(origin, 1)
    await origin.feed(first)
    await origin.feed(grow(origin, 2))

    await origin.workspaces.cache(KEY).receive(None, [first])

    assert (await origin.workspaces.cache(KEY).tips())[0] == first


async def test_a_damaged_pack_is_refused(origin: Origin) -> None:
    pack = origin.pack([origin.head()], [])
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)

    with pytest.raises(DataLoss) as refused:
        await origin.workspaces.cache(KEY).receive(pack, [origin.head()])

    assert refused.value.reason == "PACK_CORRUPT"
    assert await origin.workspaces.cache(KEY).tips() == []


async def test_a_pack_that_lacks_history_is_refused(origin: Origin) -> None:
    """Offered as held, such a commit would never be completed by a later pack."""
    base = origin.head()
    second = grow(origin)
    bodies = "\n".join([second, origin.head("HEAD^{tree}"), origin.head("HEAD:README.md"), ""])
    pack = origin.repository / "partial"
    git(origin.repository, "pack-objects", "-q", str(pack), data=bodies.encode())
    file = next(origin.repository.glob("partial-*.pack"))

    with pytest.raises(DataLoss):
        await origin.workspaces.cache(KEY).receive(file, [second])

    assert not await origin.workspaces.cache(KEY).has(base)
    assert await origin.workspaces.cache(KEY).tips() == []


async def test_a_missing_commit_is_refused(origin: Origin) -> None:
    with pytest.raises(DataLoss):
        await origin.workspaces.cache(KEY).receive(None, ["1" * 40])


async def test_workspaces_of_one_repository_can_be_fed_at_once(origin: Origin) -> None:
    cache = origin.workspaces.cache(KEY)
    commits = [grow(origin, number) for number in range(5)]

    async with asyncio.TaskGroup() as group:
        for one in commits:
            group.create_task(cache.receive(origin.pack([one], []), [one]))

    assert set(await cache.tips()) == set(commits)


async def test_many_packs_are_joined_and_lose_nothing(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "_MAX_PACKS", 4)
    passing = git(origin.repository, "commit-tree", "HEAD^{tree}", "-m", "Nobody names it")
    cache = origin.workspaces.cache(KEY)
    await cache.receive(origin.pack([passing], []), [], passing=[passing])

    commits = [grow(origin, number) for number in range(6)]
    for one in commits:
        await origin.feed(one)

    packs = list((cache.objects / "pack").glob("*.pack"))
    assert len(packs) <= 5
    assert await cache.known([passing, *commits]) == {passing, *commits}


async def test_at_most_sixty_four_tips_are_offered(tmp_path: Path) -> None:
    kept = tmp_path / "refs" / "pawl" / "have"
    kept.mkdir(parents=True)
    for number in range(70):
        (kept / f"{number:040}").write_text("")
        os.utime(kept / f"{number:040}", ns=(number, number))

    tips = await Cache(tmp_path).tips()

    assert len(tips) == 64
    assert tips[0] == f"{69:040}"


async def test_a_lock_left_by_a_killed_git_costs_nothing(origin: Origin) -> None:
    """A runner was killed with its git half-way: it refused every job of that repository after."""
    await origin.feed(origin.head())
    tip = origin.head()
    kept = origin.workspaces.cache(KEY).directory / "refs" / "pawl" / "have"
    lock = kept / f"{grow(origin)}.lock"
    lock.touch()
    os.utime(lock, (0, 0))

    await origin.feed(origin.head())

    assert await origin.workspaces.cache(KEY).tips() == [origin.head(), tip]
    assert not lock.exists()
