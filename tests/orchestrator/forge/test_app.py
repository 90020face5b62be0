"""Tokens of an app: what they may do, and what each refusal becomes."""

import asyncio
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.orchestrator.forge.app import App, Minted
from services.orchestrator.forge.github import GitHubForge
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.jobs.forge import ForgeRepository, WantedPullRequest
from services.orchestrator.source.keys import KeyAway, Purpose, Token
from services.orchestrator.source.slug import Slug
from tests.orchestrator.forge.app_house import AppHouse, app_house
from tests.support.fake_forge.manners import Manner, Operation
from tests.support.key_pair import key_pair

SLUG = Slug("o", "n")
WANTED = WantedPullRequest(head_branch="work", base_branch="main", title="T", body="mark")
REASONS = {Purpose.READ: Reason.REPO_AUTH, Purpose.PUBLISH: Reason.PUBLISH_AUTH}
AWAY = {
    Manner.LOST: None,
    Manner.DONE_UNANSWERED: None,
    Manner.RATE_LIMITED: timedelta(seconds=7),
    Manner.SECONDARY_LIMIT: timedelta(seconds=9),
    Manner.SERVER_ERROR: None,
    Manner.HTML: None,
    Manner.HUGE: None,
    Manner.REDIRECT: None,
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[AppHouse]:
    with app_house(tmp_path) as standing:
        yield standing


async def minted(house: AppHouse, purpose: Purpose) -> Minted:
    made = await house.app.mint(SLUG, purpose)
    assert made is not None
    return made


def repository(house: AppHouse, token: Token, name: str = "n") -> ForgeRepository:
    return GitHubForge(house.forge.url, house.forge.url, {}).repository("o", name, token.value)


async def refused(house: AppHouse, purpose: Purpose) -> JobFailed:
    with pytest.raises(JobFailed) as told:
        await house.app.mint(SLUG, purpose)
    assert told.value.failure.reason is REASONS[purpose]
    assert told.value.__context__ is None
    assert "PRIVATE KEY" not in "".join(traceback.format_exception(told.value))
    return told.value


async def test_a_token_to_publish_opens_a_pull_request_in_its_repository_alone(
    house: AppHouse,
) -> None:
    made = await minted(house, Purpose.PUBLISH)
    assert (await repository(house, made.token).open(WANTED)).number == 1
    with pytest.raises(JobFailed, match="PUBLISH_AUTH"):
        await repository(house, made.token, "other").open(WANTED)


async def test_a_token_to_read_opens_nothing(house: AppHouse) -> None:
    made = await minted(house, Purpose.READ)
    with pytest.raises(JobFailed, match="PUBLISH_REJECTED"):
        await repository(house, made.token).open(WANTED)


@pytest.mark.parametrize(
    ("purpose", "permissions"),
    [
        (Purpose.READ, {"contents": "read", "metadata": "read"}),
        (
            Purpose.PUBLISH,
            {"contents": "write", "metadata": "read", "pull_requests": "write"},
        ),
    ],
)
async def test_a_token_gets_no_more_than_its_purpose_needs(
    house: AppHouse, purpose: Purpose, permissions: dict[str, str]
) -> None:
    """The app was granted workflows, too; a result must not reach them."""
    await minted(house, purpose)
    [made] = house.audited("mint")
    assert (made["repository"], made["permissions"]) == ("o/n", permissions)


async def test_a_token_counts_by_the_forges_clock(house: AppHouse) -> None:
    house.fake.lifetime = 1800
    made = await minted(house, Purpose.READ)
    assert timedelta(minutes=29) < made.valid <= timedelta(minutes=30, seconds=1)


async def test_where_the_app_is_not_installed_there_is_no_token(house: AppHouse) -> None:
    assert await house.app.mint(Slug("o", "bare"), Purpose.READ) is None
    assert await house.app.mint(Slug("nobody", "n"), Purpose.PUBLISH) is None
    assert house.audited("mint") == []


async def test_an_app_that_is_uninstalled_meanwhile_has_no_token(house: AppHouse) -> None:
    house.forge.manners.set(Operation.MINT, Manner.NOT_FOUND)
    assert await house.app.mint(SLUG, Purpose.READ) is None


async def test_a_repository_that_was_renamed_has_no_token(house: AppHouse) -> None:
    """Git is told where it went, in words that say what to do; "away" would be waited for."""
    house.forge.manners.set(Operation.INSTALLATION, Manner.MOVED)
    assert await house.app.mint(SLUG, Purpose.PUBLISH) is None


@pytest.mark.parametrize("purpose", Purpose)
async def test_what_the_installation_was_not_granted_is_named(
    house: AppHouse, purpose: Purpose
) -> None:
    house.fake.installed["o/n"] = {"metadata": "read"}
    told = await refused(house, purpose)
    assert "o/n" in told.failure.message
    assert "permissions requested are not granted" in told.failure.message
    level = "read" if purpose is Purpose.READ else "write"
    assert f"contents: {level}" in told.failure.remedy


async def test_a_suspended_installation_is_told_of(house: AppHouse) -> None:
    house.fake.suspended = True
    assert "suspended" in (await refused(house, Purpose.PUBLISH)).failure.message


@pytest.mark.parametrize("purpose", Purpose)
async def test_another_apps_key_names_both_settings(house: AppHouse, purpose: Purpose) -> None:
    house.key_file.write_text(key_pair("another").private)
    remedy = (await refused(house, purpose)).failure.remedy
    assert "PAWL_GITHUB_APP_ID" in remedy
    assert "PAWL_GITHUB_APP_KEY_FILE" in remedy


async def test_a_key_that_is_being_replaced_is_waited_for(house: AppHouse) -> None:
    whole = house.key_file.read_text()
    house.key_file.write_text(whole[: len(whole) // 2])
    patient = App(house.forge.url, {}, house.app._key, pauses=[timedelta(seconds=0.01)] * 500)

    async with asyncio.TaskGroup() as tasks:
        minting = tasks.create_task(patient.mint(SLUG, Purpose.READ))
        await asyncio.sleep(0)
        house.key_file.write_text(whole)

    assert minting.result() is not None


async def test_a_file_without_a_key_is_named(house: AppHouse) -> None:
    house.key_file.write_text("s3cret words")
    told = await refused(house, Purpose.READ)
    assert "PAWL_GITHUB_APP_KEY_FILE" in told.failure.message
    assert str(house.key_file) in told.failure.message
    assert "s3cret" not in str(told)


@pytest.mark.parametrize("operation", [Operation.INSTALLATION, Operation.MINT])
@pytest.mark.parametrize("manner", AWAY)
async def test_a_forge_that_tells_nothing_is_a_key_that_is_away(
    house: AppHouse, operation: Operation, manner: Manner
) -> None:
    house.forge.manners.set(operation, manner)
    with pytest.raises(KeyAway) as told:
        await house.app.mint(SLUG, Purpose.PUBLISH)
    assert told.value.retry_after == AWAY[manner]
    assert told.value.__context__ is None


async def test_a_revoked_token_opens_nothing(house: AppHouse) -> None:
    made = await minted(house, Purpose.PUBLISH)
    await house.app.revoke(made.token)
    assert house.fake.minted == {}
    [ended] = house.audited("revoke")
    assert ended["token"] == house.audited("mint")[0]["token"]


async def test_revoking_what_has_ended_is_fine(house: AppHouse) -> None:
    await house.app.revoke(Token("ended-long-ago"))


@pytest.mark.parametrize("manner", [*AWAY, Manner.FORBIDDEN, Manner.NOT_FOUND, Manner.INVALID])
async def test_a_revocation_that_may_not_be_done_is_told_of(
    house: AppHouse, manner: Manner
) -> None:
    made = await minted(house, Purpose.READ)
    house.forge.manners.set(Operation.REVOKE, manner)
    with pytest.raises(KeyAway) as told:
        await house.app.revoke(made.token)
    assert made.token.value not in "".join(traceback.format_exception(told.value))


async def test_a_token_is_in_no_text_made_of_it(house: AppHouse) -> None:
    made = await minted(house, Purpose.PUBLISH)
    assert made.token.value not in repr(made)
    assert isinstance(house.app, App)
