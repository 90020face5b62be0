"""Every call the adapter makes, against GitHub's own examples and recordings of its answers.

From the description of api.github.com: the repository, pull requests listed, found, read, opened
and closed, labels, comments; the tokens of an app. Recorded: the repository, a search, labels.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from services.orchestrator.forge.app import App
from services.orchestrator.forge.app_key import AppKey
from services.orchestrator.forge.github import GitHubForge
from services.orchestrator.jobs.forge import ForgeRepository, PullState, WantedPullRequest
from services.orchestrator.source.keys import Purpose
from services.orchestrator.source.slug import Slug
from tests.support.github.published import Answer, operation, recorded
from tests.support.github.server import Asked, answering
from tests.support.key_pair import key_pair

pytestmark = [pytest.mark.journey, pytest.mark.timeout(60)]

WEB = "https://github.com"
NUMBER = 1347
"""Of the pull request in all of GitHub's examples."""
REPOSITORY = "/repos/{owner}/{repo}"


@pytest.fixture
def github() -> Iterator[Asked]:
    with answering() as asked:
        yield asked
        assert asked.undescribed == []


@pytest.fixture
def example(github: Asked) -> ForgeRepository:
    return GitHubForge(github.url, WEB, {}).repository("octocat", "Hello-World", "token")


async def test_the_repository_is_read_as_described(github: Asked, example: ForgeRepository) -> None:
    rights = await example.rights()

    assert await example.default_branch() == "master"
    assert rights.push is False
    assert set(github.operations) == {f"GET {REPOSITORY}"}


async def test_pull_requests_are_looked_for_as_described(
    github: Asked, example: ForgeRepository
) -> None:
    search = operation("GET", "/search/issues")
    assert search is not None
    words = search.example.body["items"][0]["body"][:20]

    found = await example.pull_requests(head_branch="new-topic", marker=words)

    [pull] = found
    assert (pull.number, pull.url) == (NUMBER, f"{WEB}/octocat/Hello-World/pull/{NUMBER}")
    assert (pull.draft, pull.foreign) == (False, False)
    # GitHub's example is open and has the time when it was merged: the time counts.
    assert pull.state is PullState.MERGED
    assert (pull.head_branch, pull.base_branch) == ("new-topic", "master")
    assert pull.head_commit == "6dcb09b5b57875f334f61aebed695e2e4193db5e"
    assert set(github.operations) == {
        f"GET {REPOSITORY}/pulls",
        "GET /search/issues",
        f"GET {REPOSITORY}/pulls/{{pull_number}}",
    }


async def test_a_pull_request_is_opened_and_labelled_as_described(
    github: Asked, example: ForgeRepository
) -> None:
    wanted = WantedPullRequest(
        head_branch="new-topic", base_branch="master", title="t", body="b", labels=("bug",)
    )

    opened = await example.open(wanted)
    await example.label(opened.number, wanted.labels)

    assert (opened.number, opened.url) == (NUMBER, f"{WEB}/octocat/Hello-World/pull/{NUMBER}")
    assert github.operations == [
        f"POST {REPOSITORY}/pulls",
        f"POST {REPOSITORY}/issues/{{issue_number}}/labels",
    ]


async def test_a_duplicate_is_told_of_and_closed_as_described(
    github: Asked, example: ForgeRepository
) -> None:
    await example.report_duplicate(NUMBER, of=1, close=True)

    assert github.operations == [
        f"GET {REPOSITORY}/issues/{{issue_number}}/comments",
        f"POST {REPOSITORY}/issues/{{issue_number}}/comments",
        f"PATCH {REPOSITORY}/pulls/{{pull_number}}",
    ]


async def test_a_recorded_repository_is_read() -> None:
    answers = recorded("get-repository")
    with answering(lambda method, path: answers.get((method, path))) as asked:
        forge = GitHubForge(asked.url, WEB, {})
        repository = forge.repository("octokit-fixture-org", "hello-world", "token")

        assert await repository.default_branch() == "master"


async def test_a_recorded_search_is_read() -> None:
    """One of the two that were found is taken, by its text; nothing else was recorded."""
    [((_, path), found)] = recorded("search-issues").items()
    item = found.body["items"][0]

    def told(method: str, asked: str) -> Answer | None:
        if urlsplit(asked).path == urlsplit(path).path:
            return found if parse_qs(urlsplit(asked).query)["page"] == ["1"] else None
        if asked.endswith(f"/pulls/{item['number']}"):
            pull = operation("GET", "/repos/o/n/pulls/1")
            return pull.example if pull else None
        return Answer(200, [])

    with answering(told) as asked:
        repository = GitHubForge(asked.url, WEB, {}).repository("octocat", "Hello-World", "token")

        [pull] = await repository.pull_requests(head_branch="new-topic", marker=item["body"][:20])

    assert pull.number == NUMBER


async def test_recorded_labels_are_added() -> None:
    labels = {
        key: one for key, one in recorded("add-labels-to-issue").items() if "labels" in key[1]
    }
    with answering(lambda method, path: labels.get((method, path))) as asked:
        forge = GitHubForge(asked.url, WEB, {})
        repository = forge.repository("octokit-fixture-org", "add-labels-to-issue", "token")

        await repository.label(1, ["Foo"])

    assert asked.operations == [f"POST {REPOSITORY}/issues/{{issue_number}}/labels"]


async def test_a_token_is_made_and_ended_as_described(github: Asked, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(key_pair().private)
    key = AppKey(app_id="1", path=key_file, now=lambda: datetime.now(UTC))
    app = App(github.url, {}, key)

    # GitHub's example has expired years ago.
    made = await app.mint(Slug("octocat", "Hello-World"), Purpose.PUBLISH)

    assert made is not None
    assert made.token.value.startswith("ghs_")
    assert made.valid < timedelta()
    await app.revoke(made.token)
    rights = await app.rights()
    assert rights.scopes is not None
    assert "contents:read" in rights.scopes
    assert github.operations == [
        f"GET {REPOSITORY}/installation",
        "POST /app/installations/{installation_id}/access_tokens",
        "DELETE /installation/token",
        "GET /app",
    ]
