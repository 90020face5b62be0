"""What jobs ask of GitHub, against a forge that keeps its promises."""

from datetime import UTC, datetime, timedelta

import pytest

from services.orchestrator.forge.github import GitHubForge
from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.jobs.forge import (
    ForgeRepository,
    PullRequestExists,
    PullState,
    TokenRefused,
    WantedPullRequest,
)
from tests.support.fake_forge.manners import APPS, GIT, PEOPLES, Operation
from tests.support.fake_forge.repository import Pull, Repository
from tests.support.fake_forge.server import FakeForge

MARKER = "pawl-job: 01ARZ3"
WANTED = WantedPullRequest(
    head_branch="work", base_branch="main", title="T", body=f"Words\n\n{MARKER}\n", draft=True
)


def pull(number: int, **given: str) -> Pull:
    told = {"title": "T", "body": "", "head": "other", "head_owner": "o", "base": "main"} | given
    return Pull(number=number, head_commit="d" * 40, draft=False, **told)  # type: ignore[arg-type]


async def looked_up(asked: ForgeRepository) -> list[int]:
    found = await asked.pull_requests(head_branch="work", marker=MARKER)
    return [told.number for told in found]


async def test_an_opened_pull_request_is_what_was_wanted(
    asked: ForgeRepository, forge: FakeForge
) -> None:
    told = await asked.open(WANTED)
    assert (told.number, told.url) == (1, f"{forge.url}/o/n/pull/1")
    assert (told.state, told.draft, told.foreign) == (PullState.OPEN, True, False)
    assert (told.head_branch, told.head_commit, told.base_branch) == ("work", "b" * 40, "main")
    assert told.marked
    assert await asked.pull_requests(head_branch="work", marker=MARKER) == [told]


async def test_opening_twice_tells_that_it_exists(asked: ForgeRepository) -> None:
    await asked.open(WANTED)
    with pytest.raises(PullRequestExists):
        await asked.open(WANTED)


async def test_a_refusal_to_open_quotes_the_forge(asked: ForgeRepository) -> None:
    wanted = WantedPullRequest(head_branch="gone", base_branch="main", title="T", body="")
    with pytest.raises(JobFailed) as told:
        await asked.open(wanted)
    assert told.value.failure.reason is Reason.PUBLISH_REJECTED
    assert "head or base is invalid" in told.value.failure.message


async def test_the_default_branch_is_told(asked: ForgeRepository) -> None:
    assert await asked.default_branch() == "main"


async def test_closed_and_merged_ones_are_found_as_what_they_are(
    asked: ForgeRepository, repository: Repository
) -> None:
    closed, merged = pull(1, head="work"), pull(2, head="work")
    closed.state = merged.state = "closed"
    merged.merged = True
    repository.pulls += [closed, merged]
    found = await asked.pull_requests(head_branch="work", marker=MARKER)
    assert [told.state for told in found] == [PullState.CLOSED, PullState.MERGED]


async def test_the_marker_is_found_under_another_branch(
    asked: ForgeRepository, repository: Repository
) -> None:
    repository.pulls += [pull(1, body=f"x {MARKER}"), pull(2)]
    found = await asked.pull_requests(head_branch="work", marker=MARKER)
    assert [(told.number, told.marked) for told in found] == [(1, True)]


async def test_the_marker_is_found_before_the_search_knows_it(
    asked: ForgeRepository, repository: Repository
) -> None:
    repository.search_lag = 60
    repository.pulls += [pull(number) for number in range(1, 26)]
    repository.pulls[0].body = MARKER
    assert await looked_up(asked) == [1]


async def test_the_marker_is_found_by_search_among_many_others(
    asked: ForgeRepository, repository: Repository
) -> None:
    repository.pulls += [pull(number) for number in range(1, 61)]
    repository.pulls[0].body = MARKER
    assert await looked_up(asked) == [1]


async def test_one_of_another_repository_is_foreign(
    asked: ForgeRepository, repository: Repository
) -> None:
    repository.pulls.append(pull(1, body=MARKER, head="work", head_owner="stranger"))
    found = await asked.pull_requests(head_branch="work", marker=MARKER)
    assert [(told.number, told.foreign) for told in found] == [(1, True)]


async def test_texts_too_large_for_one_answer_are_read_a_few_at_a_time(
    asked: ForgeRepository, repository: Repository
) -> None:
    repository.pulls += [pull(number, body="x" * 200_000) for number in range(1, 11)]
    repository.pulls[4].body += MARKER
    assert await looked_up(asked) == [5]


async def test_more_than_can_be_looked_at_are_no_answer(
    asked: ForgeRepository, repository: Repository
) -> None:
    repository.pulls += [pull(number, head="work") for number in range(1, 101)]
    with pytest.raises(JobFailed, match="PUBLISH_REJECTED"):
        await looked_up(asked)


async def test_a_branch_with_a_long_past_is_looked_at_whole_where_it_is_open(
    asked: ForgeRepository, repository: Repository
) -> None:
    """A branch such as `develop` goes into others for years; its past once hid what is open."""
    repository.pulls += [pull(number, head="work") for number in range(1, 121)]
    for past in repository.pulls[1:]:
        past.state = "closed"
    found = await looked_up(asked)
    assert (found[0], found[-1], len(found)) == (1, 120, 31)


async def test_labels_are_added(asked: ForgeRepository, repository: Repository) -> None:
    repository.pulls.append(pull(1))
    await asked.label(1, ["pawl", "needs review"])
    await asked.label(1, ["pawl"])
    assert repository.pulls[0].labels == ["pawl", "needs review"]


async def test_a_duplicate_is_reported_once_and_closed(
    asked: ForgeRepository, repository: Repository
) -> None:
    repository.pulls += [pull(1), pull(2)]
    repository.pulls[1].comments += [f"comment {number}" for number in range(30)]
    await asked.report_duplicate(2, of=1, close=False)
    assert repository.pulls[1].state == "open"
    await asked.report_duplicate(2, of=1, close=True)
    assert [c for c in repository.pulls[1].comments if "#1" in c] == [
        "This pull request repeats #1: both were opened for the same job."
    ]
    assert (repository.pulls[0].state, repository.pulls[1].state) == ("open", "closed")


async def test_rights_are_told_as_far_as_the_forge_does(
    asked: ForgeRepository, forge: FakeForge
) -> None:
    forge.scopes, forge.push = "repo, read:org", False
    rights = await asked.rights()
    assert (rights.push, rights.scopes) == (False, ("repo", "read:org"))
    assert rights.clock is not None
    assert abs(datetime.now(UTC) - rights.clock) < timedelta(seconds=5)
    forge.scopes = None
    assert (await asked.rights()).scopes is None


async def test_a_token_is_judged_without_a_repository(forge: FakeForge) -> None:
    forge.scopes = "repo, workflow"
    (token,) = forge.tokens
    adapter = GitHubForge(forge.url, forge.url, {})

    rights = await adapter.rights(token)

    assert (rights.push, rights.scopes) == (None, ("repo", "workflow"))
    assert rights.clock is not None
    with pytest.raises(TokenRefused):
        await adapter.rights("another")


async def test_a_link_that_leads_elsewhere_is_built_anew(
    asked: ForgeRepository, forge: FakeForge
) -> None:
    forge.html_url = "javascript:alert(1)"
    assert (await asked.open(WANTED)).url == f"{forge.url}/o/n/pull/1"


async def test_an_unknown_token_is_refused(forge: FakeForge) -> None:
    stranger = GitHubForge(forge.url, forge.url, {}).repository("o", "n", "another")
    with pytest.raises(TokenRefused):
        await stranger.default_branch()


async def test_a_repository_the_token_cannot_see_asks_for_access(forge: FakeForge) -> None:
    (token,) = forge.tokens
    hidden = GitHubForge(forge.url, forge.url, {}).repository("o", "hidden", token)
    with pytest.raises(JobFailed) as told:
        await hidden.default_branch()
    assert told.value.failure.reason is Reason.PUBLISH_AUTH
    assert "access to the repository" in told.value.failure.remedy


def test_every_operation_of_the_fake_forge_is_asked_for_here() -> None:
    """New operations of the adapter need a manner each, or the next file would not meet them."""
    of_no_repository = {Operation.ROOT}
    assert len(set(Operation) - APPS - GIT - PEOPLES - of_no_repository) == 9
