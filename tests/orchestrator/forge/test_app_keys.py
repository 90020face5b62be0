"""How long the tokens of an app live: for one claim, one repository, one purpose."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.forge import app_keys as module
from services.orchestrator.forge.app import Minted
from services.orchestrator.forge.app_keys import AppKeys, app_keys
from services.orchestrator.jobs.failures import JobFailed
from services.orchestrator.source.keys import NO_REFS, AuthRefs, KeyAway, Purpose
from services.orchestrator.source.location import locate
from services.orchestrator.source.slug import Slug
from tests.orchestrator.forge.app_house import AppHouse, app_house
from tests.support.fake_forge.manners import Manner, Operation

FIRST, SECOND = AuthRefs(holder="job-1/1"), AuthRefs(holder="job-2/1")


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[AppHouse]:
    with app_house(tmp_path) as standing:
        yield standing


@pytest.fixture
async def keys(house: AppHouse, clock: Clock) -> AsyncIterator[AppKeys]:
    async with app_keys(house.app, url=house.forge.url, clock=clock) as made:
        yield made


async def value(
    keys: AppKeys,
    house: AppHouse,
    refs: AuthRefs = FIRST,
    purpose: Purpose = Purpose.PUBLISH,
    *,
    slug: str = "o/n",
    fresh: bool = False,
) -> str:
    token = await keys.token(house.at(slug), refs, purpose, fresh=fresh)
    assert token is not None
    return token.value


async def ended(house: AppHouse, *tokens: str) -> None:
    while house.fake.minted.keys() & tokens:  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0.01)


async def test_a_claims_token_is_used_again(keys: AppKeys, house: AppHouse) -> None:
    assert await value(keys, house) == await value(keys, house)
    assert len(house.audited("mint")) == 1


async def test_claims_repositories_and_purposes_share_no_token(
    keys: AppKeys, house: AppHouse
) -> None:
    given = {
        await value(keys, house),
        await value(keys, house, SECOND),
        await value(keys, house, purpose=Purpose.READ),
        await value(keys, house, slug="o/other"),
    }
    assert len(given) == 4


async def test_who_asks_at_the_same_time_gets_one_token(keys: AppKeys, house: AppHouse) -> None:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(value(keys, house)) for _ in range(8)]
    assert len({one.result() for one in asked}) == 1
    assert len(house.audited("mint")) == 1


@pytest.mark.parametrize(("passed", "again"), [(3290, False), (3310, True)])
async def test_a_token_with_less_than_five_minutes_left_is_replaced(
    keys: AppKeys, house: AppHouse, clock: Clock, passed: float, again: bool
) -> None:
    first = await value(keys, house)
    clock.now += passed
    assert (await value(keys, house) != first) is again


@pytest.mark.parametrize(("refs", "revoked"), [(FIRST, 1), (NO_REFS, 0)])
async def test_only_a_claims_own_aged_token_is_revoked_before_its_time(
    keys: AppKeys, house: AppHouse, clock: Clock, refs: AuthRefs, revoked: int
) -> None:
    """What is nobody's own may be with a git that is still fetching."""
    await value(keys, house, refs)
    clock.now += 3500
    await value(keys, house, refs)
    await keys.leave()
    assert len(house.audited("revoke")) == revoked + 1


async def test_a_refused_token_is_replaced_and_revoked(keys: AppKeys, house: AppHouse) -> None:
    first = await value(keys, house)
    second = await value(keys, house, fresh=True)
    assert second != first
    assert await value(keys, house) == second
    await ended(house, first)
    assert second in house.fake.minted


async def test_what_a_claim_gives_back_is_revoked_and_nothing_else(
    keys: AppKeys, house: AppHouse
) -> None:
    gone = {await value(keys, house), await value(keys, house, purpose=Purpose.READ)}
    stays = await value(keys, house, SECOND)
    keys.release(FIRST.holder)
    await ended(house, *gone)
    assert set(house.fake.minted) == {stays}
    assert await value(keys, house) not in gone


async def test_an_expired_token_is_not_asked_to_end(
    keys: AppKeys, house: AppHouse, clock: Clock
) -> None:
    await value(keys, house)
    clock.now += 3601
    keys.release(FIRST.holder)
    await keys.leave()
    assert house.audited("revoke") == []


async def test_leaving_revokes_all_that_is_left(
    house: AppHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVE_SECONDS", 60)
    async with app_keys(house.app, url=house.forge.url) as keys:
        await value(keys, house, FIRST)
        await value(keys, house, SECOND)
        await value(keys, house, NO_REFS, Purpose.READ)
    assert house.fake.minted == {}
    assert len(house.audited("revoke")) == 3


async def test_leaving_waits_for_no_forge_that_does_not_answer(
    house: AppHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVE_SECONDS", 0.2)
    stuck = asyncio.Event()
    monkeypatch.setattr(house.app, "revoke", lambda _: stuck.wait())
    async with asyncio.timeout(3):
        async with app_keys(house.app, url=house.forge.url) as keys:
            await value(keys, house)


async def test_a_failed_revocation_ends_nothing_but_itself(keys: AppKeys, house: AppHouse) -> None:
    await value(keys, house)
    house.forge.manners.set(Operation.REVOKE, Manner.SERVER_ERROR)
    keys.release(FIRST.holder)
    await keys.leave()
    assert await value(keys, house)


async def test_an_app_that_is_away_is_asked_again_the_next_time(
    keys: AppKeys, house: AppHouse
) -> None:
    house.forge.manners.set(Operation.MINT, Manner.SERVER_ERROR)
    with pytest.raises(KeyAway):
        await value(keys, house)
    house.forge.manners.release()
    assert await value(keys, house)


@pytest.mark.parametrize(("seconds", "obeyed"), [(0, True), (61, False), (None, False)])
async def test_a_short_pause_that_the_forge_asks_for_is_kept(
    keys: AppKeys,
    house: AppHouse,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int | None,
    obeyed: bool,
) -> None:
    mint, pause = house.app.mint, None if seconds is None else timedelta(seconds=seconds)
    troubles = [KeyAway("The forge asks for a pause.", retry_after=pause)]

    async def paused(slug: Slug, purpose: Purpose) -> Minted | None:
        if troubles:
            raise troubles.pop()
        return await mint(slug, purpose)

    monkeypatch.setattr(house.app, "mint", paused)
    if obeyed:
        assert await value(keys, house)
    else:
        with pytest.raises(KeyAway):
            await value(keys, house)


@pytest.mark.parametrize(
    "repository",
    ["o/bare", "https://elsewhere.example/o/n", "ssh://git@elsewhere.example/o/n"],
)
async def test_what_is_not_the_apps_has_no_token(
    keys: AppKeys, house: AppHouse, repository: str
) -> None:
    location = locate(repository, forge_url=house.forge.url, allow_local=False)
    assert await keys.token(location, FIRST, Purpose.READ) is None


async def test_a_repository_that_git_reaches_by_ssh_has_a_token_for_its_pull_request(
    keys: AppKeys, house: AppHouse
) -> None:
    by_ssh = locate("git@127.0.0.1:o/n.git", forge_url=house.forge.url, allow_local=True)
    assert await keys.token(by_ssh, FIRST, Purpose.PUBLISH) is not None


async def test_a_key_is_offered_for_the_forges_repositories_alone(
    keys: AppKeys, house: AppHouse
) -> None:
    elsewhere = locate(
        "https://elsewhere.example/o/n", forge_url=house.forge.url, allow_local=False
    )
    assert keys.offers(house.at("o/bare"), FIRST, Purpose.PUBLISH)
    assert not keys.offers(elsewhere, FIRST, Purpose.PUBLISH)


async def test_what_may_be_in_force_is_known_with_the_key_itself(
    keys: AppKeys, house: AppHouse, clock: Clock
) -> None:
    given = await value(keys, house)
    assert set(keys.known()) == {house.key_file.read_text().strip(), given}
    clock.now += 3601
    assert given not in keys.known()


async def test_an_unreadable_key_is_told_of_before_anything_is_published(
    keys: AppKeys, house: AppHouse
) -> None:
    house.key_file.unlink()
    with pytest.raises(JobFailed, match="PAWL_GITHUB_APP_KEY_FILE"):
        keys.known()
