"""What becomes of a result: every way that publishing can end, against a forge that hosts git.

The forge is a fake one with a real smart-HTTP git side; the services, git and the adapter are real.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manner, Operation
from tests.support.fake_forge.repository import Pull, Repository
from tests.support.fake_forge.server import FakeForge, fake_forge
from tests.support.stack import Stack, bare_repository, git, running_stack, task, until

pytestmark = [pytest.mark.journey, pytest.mark.timeout(90)]

TOKEN = "made-up-token-of-the-deployment"
STEP = "do: audit {audit}\ndo: write new.txt new\\n\ndo: say Done."


@dataclass(frozen=True)
class Place:
    """One repository of the forge, and where its steps note that they were begun."""

    stack: Stack
    forge: FakeForge
    token_file: Path
    repository: Repository
    remote: Path
    folder: Path

    @property
    def audit(self) -> Path:
        return self.folder / "audit"

    @property
    def name(self) -> str:
        return f"{self.repository.owner}/{self.repository.name}"

    def submit(self, *scripts: str, publish: str = "pr", **fields: Any) -> str:
        """A job of these steps, or of one that writes a file."""
        steps = scripts or (STEP.format(audit=self.audit),)
        return self.stack.submit(task(self.name, *steps, publish=publish, **fields))

    def run(self, *scripts: str, publish: str = "pr", **fields: Any) -> dict[str, Any]:
        """The same, once it has ended."""
        return self.stack.wait(self.submit(*scripts, publish=publish, **fields))

    def published(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The events that tell of publishing alone."""
        events = self.stack.events(job["jobId"])
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
        return [event for event in events if event["type"].startswith("task.publish.")]

    def types(self, job: dict[str, Any]) -> list[str]:
        return [event["type"].removeprefix("task.publish.") for event in self.published(job)]

    def starts(self) -> int:
        """How often the agent was begun."""
        return sum(line.startswith("start") for line in self.audit.read_text().splitlines())

    def branches(self) -> list[str]:
        return git(self.remote, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def pull(self) -> Pull:
        """The only pull request."""
        [pull] = self.repository.pulls
        return pull

    def waiting(self) -> tuple[str, Path, Path]:
        """A step that tells when it has begun and waits to be let go on."""
        begun, let_go = self.folder / "begun", self.folder / "let-go"
        return f"do: touch {begun}\ndo: wait-for {let_go}\n{STEP}", begun, let_go


@pytest.fixture(scope="module")
def forged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, FakeForge, Path]]:
    folder = tmp_path_factory.mktemp("forged")
    token_file = folder / "token"
    token_file.write_text(TOKEN)
    with fake_forge(FakeForge(Audit(folder / "audit"), {TOKEN: "pawl"}, {})) as forge:
        environment: dict[str, Any] = {
            "PAWL_GITHUB_URL": forge.url,
            "PAWL_GITHUB_API_URL": forge.url,
            "PAWL_GITHUB_TOKEN_FILE": str(token_file),
            "PAWL_PACE": "0.02",
        }
        with running_stack(folder, **environment) as stack:
            yield stack, forge, token_file


@pytest.fixture
def place(forged: tuple[Stack, FakeForge, Path], tmp_path: Path) -> Iterator[Place]:
    stack, forge, token_file = forged
    number = len(forge.repositories)
    (tmp_path / "acme").mkdir()
    remote = bare_repository(tmp_path / "acme" / f"r{number}.git", {"hello.txt": "hello\n"})
    repository = Repository("acme", f"r{number}", remote)
    forge.repositories[f"acme/r{number}"] = repository
    yield Place(stack, forge, token_file, repository, remote, tmp_path)
    for operation in Operation:
        forge.manners.set(operation, Manner.FAITHFUL)
    forge.tokens = {TOKEN: "pawl"}
    token_file.write_text(TOKEN)


def reason(job: dict[str, Any]) -> str:
    assert job["state"] == "JOB_STATE_FAILED", job
    return str(job["failure"]["reason"])


def test_a_pull_request_is_the_default_and_says_whose_it_is(place: Place) -> None:
    payload = task(place.name, STEP.format(audit=place.audit))
    del payload["task"]["publish"]

    job = place.stack.wait(place.stack.submit(payload))

    assert (job["state"], job["outcome"]) == ("JOB_STATE_SUCCEEDED", "JOB_OUTCOME_PULL_REQUEST")
    assert place.types(job) == ["intentRecorded", "branchPushed", "pullRequestOpened"]
    pull = place.pull()
    assert job["pullRequestUrl"] == f"{place.forge.url}/{place.name}/pull/1"
    assert (pull.head, pull.base, pull.state) == (job["workingBranch"], "main", "open")
    assert pull.head_commit == job["publishedCommit"] == git(place.remote, "rev-parse", pull.head)
    assert f"Pawl-Job: {job['jobId']}" in pull.body
    assert git(place.remote, "rev-parse", f"{pull.head}^") == job["baseCommit"]
    assert job["pullRequestUrl"] in place.stack.pawl("show", job["jobId"]).stdout


def test_one_that_was_opened_without_an_answer_is_adopted(place: Place) -> None:
    """The forge does what it was asked and the answer is lost: look-ups find it."""
    place.forge.manners.set(Operation.OPEN, Manner.DONE_UNANSWERED)

    job = place.run()

    assert job["outcome"] == "JOB_OUTCOME_PULL_REQUEST"
    assert place.published(job)[-1]["payload"]["adopted"] is True
    assert place.pull().head_commit == job["publishedCommit"]


def test_somebodys_own_pull_request_of_the_continued_branch_is_adopted(place: Place) -> None:
    git(place.remote, "branch", "feature", "main")
    place.repository.open(title="Mine", body="by hand", head="feature", base="main", draft=False)

    job = place.run(git={"startingBranch": "feature"}, publish="pr")

    assert job["outcome"] == "JOB_OUTCOME_PULL_REQUEST"
    assert place.pull().title == "Mine"
    assert place.types(job) == ["intentRecorded", "branchPushed", "pullRequestOpened"]
    assert git(place.remote, "rev-parse", "feature^") == job["baseCommit"]


def test_a_branch_alone_opens_nothing(place: Place) -> None:
    job = place.run(publish="branch")

    assert job["outcome"] == "JOB_OUTCOME_BRANCH"
    assert place.types(job) == ["intentRecorded", "branchPushed"]
    assert (place.repository.pulls, "pullRequestUrl" in job and job["pullRequestUrl"]) == ([], "")


def test_no_changes_publish_nothing(place: Place) -> None:
    job = place.run("do: say Nothing to do.")

    assert (job["state"], job["outcome"]) == ("JOB_STATE_SUCCEEDED", "JOB_OUTCOME_NO_CHANGES")
    assert place.types(job) == ["skipped"]
    assert (place.branches(), place.repository.pulls) == (["main"], [])


def test_publishing_can_be_off(place: Place) -> None:
    job = place.run(publish="none")

    assert job["outcome"] == "JOB_OUTCOME_PUBLISH_DISABLED"
    assert (place.types(job), place.branches()) == ([], ["main"])


def test_a_branch_that_somebody_else_makes_meanwhile_is_a_conflict(place: Place) -> None:
    script, begun, let_go = place.waiting()
    job_id = place.submit(script.format(audit=place.audit), git={"newBranch": "wanted"})
    until(begun.exists)
    theirs = git(place.remote, "commit-tree", "-m", "Theirs", "main^{tree}")
    git(place.remote, "branch", "wanted", theirs)
    let_go.touch()

    job = place.stack.wait(job_id)

    assert reason(job) == "PUBLISH_CONFLICT"
    assert theirs[:12] in job["failure"]["message"]
    assert git(place.remote, "rev-parse", "wanted") == theirs
    assert place.types(job) == ["intentRecorded"]
    assert place.repository.pulls == []


def test_a_base_that_is_deleted_meanwhile_is_rejected_and_the_branch_is_kept(place: Place) -> None:
    git(place.remote, "branch", "into", "main")
    script, begun, let_go = place.waiting()
    payload = task(place.name, script.format(audit=place.audit), publish="pr")
    payload["task"]["publish"]["prBaseBranch"] = "into"
    job_id = place.stack.submit(payload)
    until(begun.exists)
    git(place.remote, "branch", "-D", "into")
    let_go.touch()

    job = place.stack.wait(job_id)

    assert reason(job) == "PUBLISH_REJECTED"
    assert git(place.remote, "rev-parse", job["workingBranch"]) == job["publishedCommit"]
    assert place.types(job) == ["intentRecorded", "branchPushed"]


def test_a_lost_token_is_replaced_and_the_retry_runs_no_step_again(place: Place) -> None:
    script, begun, let_go = place.waiting()
    job_id = place.submit(script.format(audit=place.audit))
    until(begun.exists)
    place.forge.tokens = {"another": "pawl"}
    let_go.touch()
    assert reason(place.stack.wait(job_id)) == "PUBLISH_AUTH"

    place.token_file.write_text("another")
    retried = place.stack.pawl("retry", job_id, "--watch")

    assert retried.returncode == 0, retried.stderr
    job = place.stack.job(job_id)
    assert job["outcome"] == "JOB_OUTCOME_PULL_REQUEST"
    assert place.starts() == 1
    assert place.pull().head_commit == job["publishedCommit"]
    assert place.types(job).count("intentRecorded") == 1


def test_a_job_that_was_pushed_but_may_not_open_is_retried_from_there(place: Place) -> None:
    place.forge.manners.set(Operation.OPEN, Manner.FORBIDDEN)
    job = place.run()
    assert reason(job) == "PUBLISH_REJECTED"
    assert job["workingBranch"] in place.branches()

    place.forge.manners.set(Operation.OPEN, Manner.FAITHFUL)
    place.stack.pawl("retry", job["jobId"], "--watch")

    assert place.stack.job(job["jobId"])["outcome"] == "JOB_OUTCOME_PULL_REQUEST"
    assert (place.starts(), len(place.repository.pulls)) == (1, 1)


def test_a_merged_pull_request_is_recorded_and_not_opened_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person is quicker than the answer that was lost."""
    opened = place.repository.open

    def opened_and_merged(**wanted: Any) -> Pull:
        pull = opened(**wanted)
        pull.state, pull.merged = "closed", True
        return pull

    monkeypatch.setattr(place.repository, "open", opened_and_merged)
    place.forge.manners.set(Operation.OPEN, Manner.DONE_UNANSWERED)

    job = place.run()

    assert job["outcome"] == "JOB_OUTCOME_PULL_REQUEST"
    assert place.published(job)[-1]["payload"]["state"] == "merged"
    assert len(place.repository.pulls) == 1
