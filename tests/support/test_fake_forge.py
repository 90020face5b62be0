"""That the fake forge behaves, and misbehaves, as tests of publishing rely on."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manner, Manners, Operation
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge

ASKED = {"title": "T", "body": "text pawl-job:1", "head": "work", "base": "main"}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[FakeForge]:
    repository = Repository("o", "n", branches={"main": "a" * 40, "work": "b" * 40})
    with fake_forge(FakeForge(Audit(tmp_path / "audit"), {"t": "me"}, {"o/n": repository})) as it:
        yield it


def ask(
    url: str, method: str, path: str, sent: object = None, token: str = "t"
) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        body = None if sent is None else json.dumps(sent)
        connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        content = answer.read(100_000)
        told = json.loads(content) if content.startswith((b"{", b"[")) else content
        return answer.status, dict(answer.getheaders()), told
    finally:
        connection.close()


def opened(forge: FakeForge) -> int:
    return ask(forge.url, "POST", "/repos/o/n/pulls", ASKED)[0]


def test_an_opened_pull_request_is_listed_found_and_audited(forge: FakeForge) -> None:
    assert opened(forge) == 201
    listed = ask(forge.url, "GET", "/repos/o/n/pulls?state=all&head=o:work")[2]
    query = quote('repo:o/n "pawl-job:1" in:body')
    found = ask(forge.url, "GET", f"/search/issues?q={query}")[2]
    assert [(p["number"], p["head"]["sha"]) for p in listed] == [(1, "b" * 40)]
    assert [p["number"] for p in found["items"]] == [1]
    assert [(e["operation"], e["caller"]) for e in forge.audit.entries()] == [("open", "me")]


def test_a_second_open_one_of_a_branch_is_refused_only_while_they_are_unique(
    forge: FakeForge,
) -> None:
    opened(forge)
    assert opened(forge) == 422
    forge.repositories["o/n"].unique = False
    assert opened(forge) == 201
    assert len(forge.audit.entries()) == 2


def test_lists_and_search_lag_each_by_their_own_time(forge: FakeForge) -> None:
    forge.repositories["o/n"].search_lag = 60
    opened(forge)
    query = quote('repo:o/n "pawl-job:1"')
    assert len(ask(forge.url, "GET", "/repos/o/n/pulls")[2]) == 1
    assert ask(forge.url, "GET", f"/search/issues?q={query}")[2]["items"] == []


@pytest.mark.parametrize(("manner", "done"), [(Manner.DONE_UNANSWERED, 1), (Manner.LOST, 0)])
def test_an_unanswered_request_was_carried_out_or_not(
    forge: FakeForge, manner: Manner, done: int
) -> None:
    forge.manners.set(Operation.OPEN, manner)
    with pytest.raises(http.client.RemoteDisconnected):
        opened(forge)
    assert len(forge.audit.entries()) == done


@pytest.mark.parametrize(
    ("manner", "status", "header"),
    [
        (Manner.UNAUTHORIZED, 401, None),
        (Manner.FORBIDDEN, 403, None),
        (Manner.NOT_FOUND, 404, None),
        (Manner.INVALID, 422, None),
        (Manner.RATE_LIMITED, 429, "Retry-After"),
        (Manner.SECONDARY_LIMIT, 403, "Retry-After"),
        (Manner.SERVER_ERROR, 500, None),
        (Manner.HTML, 502, None),
        (Manner.REDIRECT, 302, "Location"),
    ],
)
def test_a_refusal_changes_nothing(
    forge: FakeForge, manner: Manner, status: int, header: str | None
) -> None:
    forge.manners.set(Operation.OPEN, manner)
    told, headers, _ = ask(forge.url, "POST", "/repos/o/n/pulls", ASKED)
    assert told == status
    assert header is None or header in headers
    assert forge.audit.entries() == []


def test_a_caller_may_leave_a_huge_body(forge: FakeForge) -> None:
    forge.manners.set(Operation.REPOSITORY, Manner.HUGE)
    assert len(ask(forge.url, "GET", "/repos/o/n")[2]) == 100_000
    forge.manners.set(Operation.REPOSITORY, Manner.FAITHFUL)
    assert ask(forge.url, "GET", "/repos/o/n")[2]["default_branch"] == "main"


def test_an_unknown_token_is_refused(forge: FakeForge) -> None:
    assert ask(forge.url, "GET", "/repos/o/n", token="other")[0] == 401


def test_labels_and_comments_stay_and_closing_closes(forge: FakeForge) -> None:
    opened(forge)
    ask(forge.url, "POST", "/repos/o/n/issues/1/labels", {"labels": ["pawl", "pawl"]})
    ask(forge.url, "POST", "/repos/o/n/issues/1/comments", {"body": "a repeat"})
    closed = ask(forge.url, "PATCH", "/repos/o/n/pulls/1", {"state": "closed"})[2]
    comments = ask(forge.url, "GET", "/repos/o/n/issues/1/comments")[2]
    assert (closed["state"], [c["body"] for c in comments]) == ("closed", ["a repeat"])
    assert "pawl" in [label["name"] for label in closed["labels"]]


def test_one_seed_makes_one_schedule() -> None:
    def schedule() -> list[Manner]:
        manners = Manners()
        manners.draw(7, {Manner.FAITHFUL: 1, Manner.LOST: 1, Manner.HTML: 1})
        return [manners.of(Operation.OPEN) for _ in range(50)]

    assert schedule() == schedule()
    assert set(schedule()) == {Manner.FAITHFUL, Manner.LOST, Manner.HTML}


def test_it_serves_real_branches_in_a_process_of_its_own(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "o" / "n.git")], check=True)
    command = [sys.executable, "-m", "tests.support.fake_forge", "--audit", str(tmp_path / "audit")]
    command += ["--repositories", str(tmp_path), "--token", "t"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        refused = ask(url, "POST", "/repos/o/n/pulls", ASKED)
        process.terminate()
        assert process.wait(5) == 0
    assert (refused[0], refused[2]["errors"]) == (422, [{"message": "head or base is invalid"}])
