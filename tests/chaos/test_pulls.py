"""The checker sees what is wrong with pull requests, by what the forge has written down."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.checker import pulls
from tests.chaos.checker.evidence import git
from tests.chaos.test_checker import JOB as PLAIN
from tests.chaos.test_checker import Remains

JOB = "01a22703-1b87-7ff3-844f-ad6c1f77f415"
COLUMN = "UPDATE {} SET job_id = ?"


class Published(Remains):
    """The same run with a pull request at its end."""

    def __init__(self, folder: Path) -> None:
        self.audit, self.answers = folder / "audit", folder / "answers"
        self.forge = {
            "url": "http://forge.example",
            "audit": str(self.audit),
            "answers": str(self.answers),
            "unique": True,
        }
        super().__init__(folder)
        self._name(JOB)
        self.execute("UPDATE event SET sequence = 6 WHERE sequence = 5")
        self.insert("event", JOB, 5, 1, "task.publish.pullRequestOpened", None, "{}", 5_000_000)
        wanted = json.dumps({"base_branch": "main"})
        self.execute("UPDATE publication SET pull_request = ?, pull_number = 1", wanted)
        self.execute(
            "UPDATE job SET last_sequence = 6, outcome = 'pull_request', "
            "pull_request_url = 'http://forge.example/pawl/remote/pull/1'"
        )
        self.commit = git(self.remote, "rev-parse", "task/1")
        push = {"ref": "refs/heads/task/1", "old": "0" * 40, "new": self.commit}
        self.note(1, "push", **push, now=self.commit)
        self.opened(2, 1)

    def opened(self, time: float, number: int, **other: object) -> None:
        """One more pull request in the forge's own notes."""
        usual = {"head": "task/1", "commit": self.commit, "base": "main"}
        body = f"text\n<sub>Pawl-Job: {JOB} digest</sub>\n"
        self.note(time, "open", pull=number, **{**usual, "body": body, **other})

    def note(self, time: float, operation: str, **result: object) -> None:
        """One line of the audit."""
        line = {"time": time, "operation": operation}
        with self.audit.open("a") as file:
            file.write(
                json.dumps({**line, "result": {"repository": "pawl/remote", **result}}) + "\n"
            )

    def answered(self, time: float, manner: str, **about: object) -> None:
        """One unfaithful answer."""
        result = {"manner": manner, "repository": "pawl/remote", **about}
        with self.answers.open("a") as file:
            file.write(json.dumps({"time": time, "operation": "open", "result": result}) + "\n")

    def failed(self, reason: str) -> None:
        """The job ends so, at 6 s."""
        told = json.dumps({"reason": reason})
        end = "UPDATE event SET type = 'job.failed', payload = ?, create_time = 6000000"
        self.execute(f"{end} WHERE sequence = 6", told)
        self.execute("UPDATE job SET state = 'failed', outcome = 'failed'")

    def pulls_found(self) -> list[str]:
        """What is wrong with pull requests alone."""
        return [violation.what for violation in pulls.check(self.evidence)]

    def _name(self, job: str) -> None:
        for table in ("job", "label", "step", "event", "artifact", "stretch", "publication"):
            self.execute(COLUMN.format(table), job)
        mirror = self.folder / "mirrors" / "m.git"
        for ref in git(mirror, "for-each-ref", "--format=%(refname)", "refs/pawl").splitlines():
            git(mirror, "update-ref", ref.replace(PLAIN, job), ref)
        for copy in (self.folder / "copies").iterdir():
            copy.rename(copy.with_name(copy.name.replace(PLAIN, job)))


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path)


def test_one_pull_request_of_a_job_is_in_order(published: Published) -> None:
    assert published.found() == set()


BENT: dict[str, Callable[[Published], object]] = {
    "a second one": lambda p: p.opened(3, 2),
    "one of no job": lambda p: p.opened(3, 2, head="task/2", body="hello"),
    "one into another base": lambda p: p.opened(3, 2, base="other"),
    "another number recorded": lambda p: p.execute("UPDATE publication SET pull_number = 2"),
    "none recorded": lambda p: p.execute("UPDATE publication SET pull_number = NULL"),
    "told twice": lambda p: p.execute(
        "UPDATE event SET type = 'task.publish.pullRequestOpened', create_time = 1 "
        "WHERE sequence = 2"
    ),
    "a link that is a script": lambda p: p.execute(
        "UPDATE job SET pull_request_url = 'javascript:alert(1)'"
    ),
    "another end": lambda p: p.execute("UPDATE job SET outcome = 'branch'"),
    "a push of another commit": lambda p: p.note(3, "push", ref="refs/heads/task/1", new="f" * 40),
    "a push to another branch": lambda p: p.note(3, "push", ref="refs/heads/x", new=p.commit),
    "an intent without one": lambda p: p.execute("UPDATE publication SET pull_request = NULL"),
    "a failure for nothing": lambda p: p.failed("PUBLISH_AUTH"),
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT.keys())
def test_what_is_bent_is_found(published: Published, bend: Callable[[Published], object]) -> None:
    bend(published)

    assert published.pulls_found()


def test_a_second_one_behind_a_persons_back_is_let_pass_once_it_is_told(
    published: Published,
) -> None:
    """Its asker was held up until the first was recorded, and closed by a person."""
    published.note(6, "close", pull=1, head="task/1")
    published.opened(7, 2)
    assert any("nobody has told" in what for what in published.pulls_found())

    published.execute("UPDATE job SET duplicate_pull_requests = '[2]'")

    assert published.pulls_found() == []
    counted = pulls.duplicates(published.evidence)
    assert (counted.pulls, counted.told_later, counted.residual) == (1, 1, 1)


def test_a_second_one_of_who_has_not_looked_for_closed_ones_is_found(published: Published) -> None:
    published.note(2.5, "close", pull=1, head="task/1")
    published.opened(3, 2)
    published.execute("UPDATE job SET duplicate_pull_requests = '[2]'")

    assert published.pulls_found() == [f"{JOB} has the pull requests [1, 2]"]


@pytest.mark.parametrize(
    ("manner", "about", "fits"),
    [
        ("unauthorized", {"head": "task/1"}, True),
        ("unauthorized", {"words": f'"Pawl-Job: {JOB}"'}, True),
        ("unauthorized", {"head": "task/2"}, False),
        ("server_error", {"head": "task/1"}, False),
    ],
)
def test_a_failure_fits_what_the_forge_had_answered_to_the_job(
    published: Published, manner: str, about: dict[str, object], fits: bool
) -> None:
    published.failed("PUBLISH_AUTH")
    published.answered(5, manner, **about)

    assert (published.pulls_found() == []) is fits
