"""What the adapter makes of a forge that fails, at each thing that is asked of it."""

import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from services.orchestrator.forge.github import GitHubForge
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.jobs.forge import (
    ForgeAway,
    ForgeRepository,
    TokenRefused,
    WantedPullRequest,
)
from tests.orchestrator.forge.conftest import TOKEN
from tests.support.fake_forge.manners import Manner, Operation
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge

WANTED = WantedPullRequest(head_branch="work", base_branch="main", title="T", body="mark")


async def repeats(asked: ForgeRepository) -> None:
    await asked.report_duplicate(1, of=2, close=True)


CALLS: dict[Operation, Callable[[ForgeRepository], Awaitable[object]]] = {
    Operation.REPOSITORY: lambda asked: asked.default_branch(),
    Operation.LIST: lambda asked: asked.pull_requests(head_branch="work", marker="mark"),
    Operation.SEARCH: lambda asked: asked.pull_requests(head_branch="work", marker="mark"),
    Operation.PULL: lambda asked: asked.pull_requests(head_branch="work", marker="mark"),
    Operation.OPEN: lambda asked: asked.open(WANTED),
    Operation.LABEL: lambda asked: asked.label(1, ["pawl"]),
    Operation.COMMENTS: repeats,
    Operation.COMMENT: repeats,
    Operation.CLOSE: repeats,
}
AWAY = {
    Manner.DONE_UNANSWERED: None,
    Manner.LOST: None,
    Manner.RATE_LIMITED: timedelta(seconds=7),
    Manner.SECONDARY_LIMIT: timedelta(seconds=9),
    Manner.SERVER_ERROR: None,
    Manner.HTML: None,
    Manner.HUGE: None,
    Manner.REDIRECT: None,
}
FINAL = {
    Manner.FORBIDDEN: Reason.PUBLISH_REJECTED,
    Manner.NOT_FOUND: Reason.PUBLISH_AUTH,
    Manner.INVALID: Reason.PUBLISH_REJECTED,
    Manner.MOVED: Reason.PUBLISH_REJECTED,
}


@pytest.fixture(autouse=True)
def one_opened(repository: Repository) -> None:
    repository.branches["older"] = "e" * 40
    repository.open(title="T", body="mark", head="older", base="main", draft=False)


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("manner", AWAY)
async def test_what_tells_nothing_is_a_forge_away(
    forge: FakeForge, asked: ForgeRepository, operation: Operation, manner: Manner
) -> None:
    forge.manners.set(operation, manner)
    with pytest.raises(ForgeAway) as told:
        await CALLS[operation](asked)
    assert told.value.retry_after == AWAY[manner]


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("manner", FINAL)
async def test_what_asking_again_cannot_change_fails_the_job(
    forge: FakeForge, asked: ForgeRepository, operation: Operation, manner: Manner
) -> None:
    forge.manners.set(operation, manner)
    with pytest.raises(JobFailed) as told:
        await CALLS[operation](asked)
    assert told.value.failure.reason is FINAL[manner]


async def test_a_repository_that_search_does_not_know_is_looked_through_by_its_lists(
    forge: FakeForge, asked: ForgeRepository
) -> None:
    """The first job of a new repository ended as if the forge had refused its result."""
    forge.manners.set(Operation.SEARCH, Manner.UNSEARCHABLE)

    found = await asked.pull_requests(head_branch="work", marker="mark")

    assert [one.number for one in found] == [1]


@pytest.mark.parametrize("operation", CALLS)
async def test_a_refused_token_is_told_apart_and_in_no_text(
    forge: FakeForge, asked: ForgeRepository, operation: Operation
) -> None:
    forge.manners.set(operation, Manner.UNAUTHORIZED)
    with pytest.raises(TokenRefused) as told:
        await CALLS[operation](asked)
    assert TOKEN not in "".join(traceback.format_exception(told.value))
    assert told.value.__context__ is None


@pytest.mark.parametrize(("manner", "opened"), [(Manner.DONE_UNANSWERED, 2), (Manner.LOST, 1)])
async def test_an_unanswered_opening_is_asked_for_once(
    forge: FakeForge,
    asked: ForgeRepository,
    repository: Repository,
    manner: Manner,
    opened: int,
) -> None:
    forge.manners.set(Operation.OPEN, manner)
    with pytest.raises(ForgeAway):
        await asked.open(WANTED)
    assert len(repository.pulls) == opened


async def test_a_forge_nobody_listens_for_is_away() -> None:
    nowhere = "http://127.0.0.1:9"
    with pytest.raises(ForgeAway, match="cannot be reached"):
        await GitHubForge(nowhere, nowhere, {}).repository("o", "n", TOKEN).default_branch()
