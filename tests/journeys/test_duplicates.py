"""A second pull request that comes to be when its job has ended is found, told of, and told once.

Two orchestrators take turns at looking; the forge hosts git, and does not keep to one pull request
for a branch.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.journeys.test_two_orchestrators import another_orchestrator
from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manner, Manners, Operation
from tests.support.fake_forge.repository import Repository
from tests.support.fake_forge.server import FakeForge, fake_forge
from tests.support.stack import Stack, bare_repository, running_stack, task, until

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]

TOKEN = "made-up-token-of-the-deployment"
HOME = "acme/r"


class Noting(Manners):
    """Notes what is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Operation] = []

    @override
    def of(self, operation: Operation) -> Manner:
        self.asked.append(operation)
        return super().of(operation)


@pytest.fixture
def manners() -> Noting:
    return Noting()


@pytest.fixture
def forge(tmp_path: Path, manners: Noting) -> Iterator[FakeForge]:
    (tmp_path / "acme").mkdir()
    remote = bare_repository(tmp_path / "acme" / "r.git", {"hello.txt": "hello\n"})
    repository = Repository("acme", "r", remote, unique=False)
    served = FakeForge(
        Audit(tmp_path / "audit"), {TOKEN: "pawl"}, {HOME: repository}, manners=manners
    )
    with fake_forge(served) as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path, forge: FakeForge) -> Iterator[Stack]:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    environment: dict[str, Any] = {
        "PAWL_GITHUB_URL": forge.url,
        "PAWL_GITHUB_API_URL": forge.url,
        "PAWL_GITHUB_TOKEN_FILE": str(token_file),
        "PAWL_PACE": "0.02",
        "PAWL_RECONCILE_SECONDS": "0.1",
    }
    with (
        running_stack(tmp_path, **environment) as stack,
        another_orchestrator(stack, tmp_path),
    ):
        yield stack


def test_one_that_the_forge_opens_after_the_end_is_found_and_told_once(
    stack: Stack, forge: FakeForge, manners: Noting
) -> None:
    """The first request got no answer and was made again; then the forge carried it out, too."""
    manners.set(Operation.OPEN, Manner.LOST)
    repository = forge.repositories[HOME]
    job_id = stack.submit(task(HOME, "do: write new.txt new\\n", publish="pr"))
    until(lambda: Operation.OPEN in manners.asked)
    manners.set(Operation.OPEN, Manner.FAITHFUL)
    ended = stack.wait(job_id)
    assert ended["outcome"] == "JOB_OUTCOME_PULL_REQUEST"
    [kept] = repository.pulls

    repeats = repository.open(
        title=kept.title, body=kept.body, head=kept.head, base=kept.base, draft=False
    )
    until(lambda: repeats.comments)
    told = len(manners.asked)
    until(lambda: manners.asked[told:].count(Operation.SEARCH) >= 2, seconds=60)

    job = stack.job(job_id)
    assert job == ended | {"duplicatePullRequests": ["2"]}
    assert (kept.comments, len(repeats.comments)) == ([], 1)
    assert (kept.state, repeats.state) == ("open", "open")
    assert stack.events(job_id)[-1]["type"] == "job.succeeded"
    assert "repeated by" in stack.pawl("show", job_id).stdout
    assert "(DUPLICATE_PULL_REQUESTS)" in stack.pawl("doctor").stdout
