"""The checker is not blind: whatever is bent in a sound run's remains, it names the invariant."""

import hashlib
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.blows import schedule
from tests.chaos.checker import jobs, verdict
from tests.chaos.checker.evidence import Evidence, git

TABLES = {
    "job": "job_id repository state request_id working_branch base_commit published_commit "
    "last_sequence failure_message outcome pull_request_url duplicate_pull_requests",
    "label": 'job_id "key" value',
    "step": "job_id step_index state attempt checkpoint_commit checkpoint_tree",
    "event": "job_id sequence epoch type step_index payload create_time",
    "artifact": "job_id path size sha256 key",
    "segment": "job_id step_index attempt key",
    "stretch": "job_id step_index attempt position stream stream_offset size",
    "publication": 'job_id branch tree "commit" pull_request pull_number',
}
JOB = "job-1"
LOG = b"said\n"


class Remains:
    """A run of one job with one step, all in order."""

    address = "http://forge.example/pawl/remote.git"
    forge: dict[str, object] | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        places = ("artifacts", "mirrors", "runner/workspaces", "audits", "copies", "logs")
        for name in places:
            (folder / name).mkdir(parents=True)
        self.remote = self._remote()
        base, commit = git(self.remote, "log", "--reverse", "--format=%H", "task/1").split()
        tree = git(self.remote, "log", "-1", "--format=%T", "task/1")
        subprocess.run(
            ["git", "clone", "-q", "--bare", self.remote, folder / "mirrors" / "m.git"], check=True
        )
        git(folder / "mirrors" / "m.git", "update-ref", "refs/pawl/job-1/0", commit)
        with closing(sqlite3.connect(folder / "pawl.db")) as database:
            for name, columns in TABLES.items():
                database.execute(f"CREATE TABLE {name} ({', '.join(columns.split())})")
            database.commit()
        told = ["job.submitted", "job.claimed", "task.step.started", "task.step.finished"]
        for number, kind in enumerate([*told, "job.succeeded"], 1):
            step = 0 if "step" in kind else None
            self.insert("event", JOB, number, min(number - 1, 1), kind, step, '{"epoch": 1}')
        self.insert("job", JOB, self.address, "succeeded", "k", "task/1", base, commit, 5, None)
        self.insert("label", JOB, "key", "k")
        self.insert("step", JOB, 0, "succeeded", 1, commit, tree)
        self.insert("publication", JOB, "task/1", tree, commit)
        self.insert("stretch", JOB, 0, 1, 0, "stdout", 0, len(LOG))
        digest = hashlib.sha256(LOG).hexdigest()
        self.insert("artifact", JOB, "logs/steps/step-0000.log", len(LOG), digest, digest)
        (folder / "artifacts" / digest).write_bytes(LOG)
        (folder / "copies" / f"k.0.{JOB}.1.0.1").write_bytes(LOG)
        life = [f"{word} 1 {time}.0 {JOB}.1.0 b 1\n" for word, time in (("start", 1), ("stop", 2))]
        (folder / "audits" / "k").write_text("".join(life))
        (folder / "logs" / "orchestrator-1.log").write_text("all is well\n")
        self._describe()

    @property
    def evidence(self) -> Evidence:
        return Evidence.of(self.folder)

    def insert(self, table: str, *values: object) -> None:
        """A row; columns behind the values given are NULL."""
        columns = ", ".join(TABLES[table].split()[: len(values)])
        marks = ", ".join("?" * len(values))
        self.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", *values)

    def execute(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.folder / "pawl.db")) as database:
            database.execute(statement, values)
            database.commit()

    def found(self) -> set[str]:
        """The invariants that do not hold."""
        services = {os.getpid()}
        return {
            one.invariant for one in verdict.judge(self.evidence, services=services, patience=0)
        }

    def _remote(self) -> Path:
        work, remote = self.folder / "work", self.folder / "remote.git"
        work.mkdir()
        git(work, "init", "-q", "-b", "main")
        for branch in ("main", "task/1"):
            if branch != "main":
                git(work, "checkout", "-q", "-b", branch)
            (work / "file").write_text(branch)
            git(work, "add", ".")
            git(work, "-c", "user.name=T", "-c", "user.email=t@t", "commit", "-q", "-m", branch)
        git(work, "clone", "-q", "--bare", str(work), str(remote))
        return remote

    def _describe(self) -> None:
        told: dict[str, object] = {
            name: str(self.folder / name)
            for name in ("artifacts", "mirrors", "audits", "copies", "logs")
        }
        told |= {
            "database": str(self.folder / "pawl.db"),
            "remotes": {self.address: str(self.remote)},
            "forge": self.forge,
            "runners": [str(self.folder / "runner")],
            "canary": str(self.folder / "sprung"),
            "secrets": ["made-up-secret"],
            "base": "main",
        }
        (self.folder / "house.json").write_text(json.dumps(told))


@pytest.fixture
def remains(tmp_path: Path) -> Remains:
    return Remains(tmp_path)


def test_what_is_in_order_is_left_in_peace(remains: Remains) -> None:
    assert remains.found() == set()


BENT: dict[str, tuple[str, Callable[[Remains], object]]] = {
    "a job that goes on": ("I1", lambda r: r.execute("UPDATE job SET state = 'running'")),
    "a number left out": ("I3", lambda r: r.execute("DELETE FROM event WHERE sequence = 3")),
    "an older epoch": ("I3", lambda r: r.execute("UPDATE event SET epoch = 0 WHERE sequence > 4")),
    "two ends": (
        "I3",
        lambda r: r.execute("UPDATE event SET type = 'job.failed' WHERE sequence = 4"),
    ),
    "a step that never finished": (
        "I4",
        lambda r: r.execute("UPDATE event SET type = 'task.x' WHERE sequence = 4"),
    ),
    "an agent beside another": (
        "I5",
        lambda r: (r.folder / "audits" / "k").write_text("beside-7 8 1.0 run b 1\n"),
    ),
    "an agent started twice": (
        "I5",
        lambda r: (r.folder / "audits" / "k").write_text("start 1 1 r b 1\nstart 2 2 r b 2\n"),
    ),
    "a branch that is elsewhere": (
        "I6",
        lambda r: git(r.remote, "update-ref", "refs/heads/task/1", "refs/heads/main"),
    ),
    "a branch that is nobody's": (
        "I6",
        lambda r: git(r.remote, "update-ref", "refs/heads/other", "refs/heads/main"),
    ),
    "a push without an intent": ("I7", lambda r: r.execute("DELETE FROM publication")),
    "a byte that is another": (
        "I8",
        lambda r: next((r.folder / "artifacts").iterdir()).write_bytes(b"sa1d\n"),
    ),
    "a log that lacks something": (
        "I8",
        lambda r: (r.folder / "copies" / f"k.0.{JOB}.1.0.1").write_bytes(LOG + b"more\n"),
    ),
    "a workspace that is left": ("I9", lambda r: (r.folder / "runner/workspaces/w").mkdir()),
    "a secret in a log": (
        "I10",
        lambda r: (r.folder / "logs" / "runner.log").write_text("it is made-up-secret\n"),
    ),
    "a program that was run": ("I11", lambda r: (r.folder / "sprung").touch()),
    "bytes that are gone": ("I12", lambda r: next((r.folder / "artifacts").iterdir()).unlink()),
    "a checkpoint that no ref holds": (
        "I12",
        lambda r: git(r.folder / "mirrors/m.git", "update-ref", "-d", "refs/pawl/job-1/0"),
    ),
}


@pytest.mark.parametrize(("invariant", "bend"), BENT.values(), ids=BENT.keys())
def test_what_is_bent_is_named(
    remains: Remains, invariant: str, bend: Callable[[Remains], object]
) -> None:
    bend(remains)

    assert invariant in remains.found()


def test_a_job_may_be_given_up_after_five_claims_and_not_before(remains: Remains) -> None:
    remains.execute("UPDATE job SET state = 'dead_letter'")
    remains.execute("UPDATE event SET type = 'job.deadLettered' WHERE sequence = 5")
    remains.insert("label", JOB, "expect", "succeeded")
    assert "I1" in remains.found()

    remains.execute("UPDATE event SET sequence = 10 WHERE sequence = 5")
    for number in range(5, 10):
        claimed = json.dumps({"epoch": number - 3})
        remains.insert("event", JOB, number, number - 3, "job.claimed", None, claimed)
    remains.execute("UPDATE event SET epoch = 6 WHERE sequence = 10")
    remains.execute("UPDATE job SET last_sequence = 10")

    assert not {"I1", "I3"} & remains.found()


def test_what_changes_after_its_end_is_named(remains: Remains) -> None:
    before = jobs.ends(remains.evidence)
    remains.execute("UPDATE job SET failure_message = 'late'")

    assert [one.invariant for one in jobs.changed(before, jobs.ends(remains.evidence))] == ["I2"]


def test_blows_are_the_same_for_the_same_seed() -> None:
    blows = schedule(7, 50, cuts=0.1)

    assert blows == schedule(7, 50, cuts=0.1)
    assert blows != schedule(8, 50, cuts=0.1)
    assert sum(blow.what == "kill" for blow in blows) == 50
