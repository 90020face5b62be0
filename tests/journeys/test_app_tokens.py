"""A whole job on tokens that a GitHub App made for it, against a forge that holds them to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_forge.app import App, mark
from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge
from tests.support.key_pair import key_pair
from tests.support.stack import Stack, bare_repository, running_stack, task, until

pytestmark = [pytest.mark.journey, pytest.mark.timeout(90)]

APP_ID = "4711"
GRANTED = {"contents": "write", "metadata": "read", "pull_requests": "write"}
READ = {"contents": "read", "metadata": "read"}
SIGNS = frozenset({b"ghs_", b"eyJ", b"PRIVATE KEY"})
"""Of a token, of what the app signs, of its key."""
STEP = "do: write new.txt new\\n\ndo: say Done."


@dataclass(frozen=True)
class Place:
    """A stack with no other key than the app's, and the forge it is installed on."""

    stack: Stack
    forge: FakeForge
    app: App
    folder: Path

    def repository(self, name: str, *, installed: bool = True) -> str:
        """A new repository of the forge's."""
        remote = bare_repository(self.folder / "acme" / f"{name}.git", {"hello.txt": "hello\n"})
        self.forge.repositories[f"acme/{name}"] = Repository("acme", name, remote)
        if installed:
            self.app.installed[f"acme/{name}"] = dict(GRANTED)
        return f"acme/{name}"

    def audited(self, operation: str, repository: str) -> list[dict[str, Any]]:
        """What the forge did of one kind in a repository."""
        return [
            result
            for one in self.forge.audit.entries()
            if one["operation"] == operation
            and isinstance(result := one["result"], dict)
            and result["repository"] == repository
        ]

    def in_force(self, repository: str) -> set[str]:
        """The marks of a repository's tokens that nobody has ended."""
        there = list(self.app.minted.items())
        return {mark(token) for token, one in there if one.repository == repository}

    def run(self, repository: str, publish: str = "pr") -> dict[str, Any]:
        return self.stack.wait(self.stack.submit(task(repository, STEP, publish=publish)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("apps")
    key_file = folder / "app.pem"
    key_file.write_text(key_pair().private)
    app = App(APP_ID, key_pair().public, {})
    with fake_forge(FakeForge(Audit(folder / "audit"), {}, {}, app=app)) as forge:
        environment: dict[str, Any] = {
            "PAWL_GITHUB_URL": forge.url,
            "PAWL_GITHUB_API_URL": forge.url,
            "PAWL_GITHUB_APP_ID": APP_ID,
            "PAWL_GITHUB_APP_KEY_FILE": str(key_file),
            "PAWL_RECONCILE_SECONDS": "86400",
            "PAWL_PACE": "0.02",
        }
        with running_stack(folder, **environment) as stack:
            yield Place(stack, forge, app, folder)
        assert app.minted == {}, "the orchestrator left, and tokens stay in force"


def test_a_job_reads_and_publishes_by_tokens_of_its_own_that_end_with_it(place: Place) -> None:
    repository = place.repository("whole")

    job = place.run(repository)

    assert job["outcome"] == "JOB_OUTCOME_PULL_REQUEST"
    assert len(place.forge.repositories[repository].pulls) == 1
    to_read, to_publish = place.audited("mint", repository)
    assert (to_read["permissions"], to_publish["permissions"]) == (READ, GRANTED)
    until(lambda: not place.in_force(repository))
    ended = [one["token"] for one in place.audited("revoke", repository)]
    assert ended == [to_read["token"], to_publish["token"]]


def test_two_jobs_of_one_repository_have_no_token_in_common(place: Place) -> None:
    repository = place.repository("twice")

    outcomes = {place.run(repository)["outcome"] for _ in range(2)}

    assert outcomes == {"JOB_OUTCOME_PULL_REQUEST"}
    to_publish = [one for one in place.audited("mint", repository) if one["permissions"] == GRANTED]
    assert len({one["token"] for one in to_publish}) == 2


def test_a_token_that_is_ended_by_somebody_else_is_replaced(place: Place) -> None:
    repository = place.repository("ended")
    begun, let_go = place.folder / "begun", place.folder / "let-go"
    script = f"do: touch {begun}\ndo: wait-for {let_go}\n{STEP}"
    job_id = place.stack.submit(task(repository, script, publish="pr"))
    until(begun.exists)
    place.app.minted.clear()
    let_go.touch()

    assert place.stack.wait(job_id)["outcome"] == "JOB_OUTCOME_PULL_REQUEST"


def test_what_the_app_was_not_granted_is_told_and_a_retry_only_publishes(place: Place) -> None:
    repository = place.repository("weak")
    place.app.installed[repository] = READ | {"pull_requests": "write"}

    job = place.run(repository)

    assert job["failure"]["reason"] == "PUBLISH_AUTH"
    assert "contents: write" in job["failure"]["remedy"]
    place.app.installed[repository] = dict(GRANTED)
    place.stack.pawl("retry", job["jobId"])
    assert place.stack.wait(job["jobId"])["outcome"] == "JOB_OUTCOME_PULL_REQUEST"


def test_where_the_app_is_not_installed_the_job_says_so(place: Place) -> None:
    job = place.run(place.repository("bare", installed=False))

    assert job["failure"]["reason"] == "REPO_AUTH"
    assert "PAWL_GITHUB_APP_ID" in job["failure"]["remedy"]


def test_no_token_and_no_key_is_in_any_file(place: Place) -> None:
    place.run(place.repository("quiet"))

    data = place.folder / "data"
    assert (data / "logs").is_dir()
    assert [file for file in data.rglob("*") if signs_in(file)] == []


def signs_in(file: Path) -> set[bytes]:
    """What of `SIGNS` a file holds; some go while they are looked at."""
    try:
        content = file.read_bytes()
    except OSError:
        return set()
    return {sign for sign in SIGNS if sign in content}
