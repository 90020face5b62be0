"""That the fake forge behaves, and misbehaves, as tests of publishing rely on."""

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manner, Manners, Operation
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge
from tests.support.stack import bare_repository
from tests.support.stack import git as run_git

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


PERSON = "p"


@pytest.fixture
def hosting(tmp_path: Path) -> Iterator[FakeForge]:
    """A forge that git reaches, too, with a branch `work` beside `main`."""
    git = bare_repository(tmp_path / "o" / "n.git", {"a.txt": "a\n"})
    run_git(git, "branch", "work", "main")
    forge = FakeForge(
        Audit(tmp_path / "audit"),
        {"t": "me", PERSON: "somebody"},
        {"o/n": Repository("o", "n", git)},
        people=frozenset({"somebody"}),
        answers=Audit(tmp_path / "answers"),
    )
    with fake_forge(forge) as it:
        yield it


def push(forge: FakeForge, branch: str, token: str = "t") -> int:
    """Git's own exit code for a push of what `main` is at."""
    git = forge.repositories["o/n"].git
    credential = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    asked = ["git", "-C", str(git), "-c", f"http.extraHeader=Authorization: Basic {credential}"]
    asked += ["push", "--quiet", f"{forge.url}/o/n.git", f"main:refs/heads/{branch}"]
    environment = {"PATH": os.defpath, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(asked, env=environment, check=False, capture_output=True).returncode


def eventually(fact: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 5
    while not fact():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_a_push_moves_a_branch_and_is_audited(hosting: FakeForge) -> None:
    assert push(hosting, "new") == 0
    there = hosting.repositories["o/n"].commit("new")
    (entry,) = hosting.audit.entries()
    assert entry["result"] == {
        "repository": "o/n",
        "ref": "refs/heads/new",
        "old": "0" * 40,
        "new": there,
        "now": there,
    }


def test_a_push_with_an_unknown_token_is_refused(hosting: FakeForge) -> None:
    assert push(hosting, "new", token="other") != 0
    assert hosting.repositories["o/n"].commit("new") is None


@pytest.mark.parametrize(("manner", "done"), [(Manner.DONE_UNANSWERED, True), (Manner.LOST, False)])
def test_a_push_without_an_answer_was_carried_out_or_not(
    hosting: FakeForge, manner: Manner, done: bool
) -> None:
    hosting.manners.set(Operation.PUSH, manner)
    assert push(hosting, "new") != 0
    assert (hosting.repositories["o/n"].commit("new") is not None) is done
    assert hosting.answers is not None
    (answer,) = hosting.answers.entries()
    assert answer["result"] == {"manner": manner, "repository": "o/n", "head": "new"}


def test_what_was_given_up_may_be_opened_later_all_the_same(hosting: FakeForge) -> None:
    hosting.late_seconds = 0.2
    hosting.manners.set(Operation.OPEN, Manner.DONE_LATE)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        opened(hosting)
    assert hosting.audit.entries() == []
    eventually(lambda: [one["operation"] for one in hosting.audit.entries()] == ["open"])


def test_a_stale_answer_tells_how_things_were(hosting: FakeForge) -> None:
    assert opened(hosting) == 201
    hosting.repositories["o/n"].stale_seconds = 60
    hosting.manners.set(Operation.LIST, Manner.STALE)
    assert ask(hosting.url, "GET", "/repos/o/n/pulls")[2] == []
    assert len(ask(hosting.url, "GET", "/repos/o/n/pulls", token=PERSON)[2]) == 1


def test_a_pull_request_can_be_told_of_with_a_script_for_a_link(hosting: FakeForge) -> None:
    hosting.manners.set(Operation.OPEN, Manner.SCRIPT_LINK)
    told = ask(hosting.url, "POST", "/repos/o/n/pulls", ASKED)[2]
    assert told["html_url"].startswith("javascript:")


def test_people_merge_and_delete_branches_which_closes_what_is_open(hosting: FakeForge) -> None:
    opened(hosting)
    merged = ask(hosting.url, "PUT", "/repos/o/n/pulls/1/merge", {}, token=PERSON)[2]
    opened(hosting)
    ask(hosting.url, "DELETE", "/repos/o/n/git/refs/heads/work", token=PERSON)
    second = ask(hosting.url, "GET", "/repos/o/n/pulls/2")[2]
    assert (merged["state"], bool(merged["merged_at"]), second["state"]) == (
        "closed",
        True,
        "closed",
    )
    assert hosting.repositories["o/n"].commit("work") is None
    assert [entry["operation"] for entry in hosting.audit.entries()] == [
        *("open", "merge", "open", "delete_branch")
    ]


def test_only_people_steer_it(hosting: FakeForge) -> None:
    document = {"manners": {"open": "rate_limited"}, "unique": False, "retryAfter": 3}
    assert ask(hosting.url, "POST", "/steering", document)[0] == 404
    assert ask(hosting.url, "POST", "/steering", document, token=PERSON)[0] == 200
    status, headers, _ = ask(hosting.url, "POST", "/repos/o/n/pulls", ASKED)
    assert (status, headers["Retry-After"]) == (429, "3")
    assert not hosting.repositories["o/n"].unique
    assert ask(hosting.url, "POST", "/steering", {"release": True}, token=PERSON)[0] == 200
    assert opened(hosting) == 201


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
