"""Where the things to be judged are, and the plainest ways to read them."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]
TERMINAL = frozenset({"succeeded", "failed", "cancelled", "dead_letter"})


@dataclass(frozen=True, slots=True)
class Violation:
    """One invariant that did not hold."""

    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One run's places, as the run itself described them in ``house.json``."""

    database: Path
    artifacts: Path
    mirrors: Path
    remotes: Mapping[str, Path]
    """The bare repositories by the addresses of the jobs'."""
    runners: tuple[Path, ...]
    audits: Path
    copies: Path
    logs: Path
    canary: Path
    secrets: tuple[str, ...]
    base: str
    forge: Mapping[str, Any] | None = None
    """Its `url`, its `audit` and `answers`, and whether it keeps pull requests `unique`."""
    trees: Mapping[str, str] = field(default_factory=dict)
    """The tree each kind of job has to end with, by the job's label `kind`."""

    @classmethod
    def of(cls, folder: Path, trees: Mapping[str, str] | None = None) -> "Evidence":
        """The evidence that lies in a run's folder."""
        told = json.loads((folder / "house.json").read_text())
        return cls(
            **{
                name: Path(told[name])
                for name in (
                    *("database", "artifacts", "mirrors"),
                    *("audits", "copies", "logs", "canary"),
                )
            },
            remotes={address: Path(path) for address, path in told["remotes"].items()},
            forge=told.get("forge"),
            runners=tuple(map(Path, told["runners"])),
            secrets=tuple(told["secrets"]),
            base=told["base"],
            trees=trees or {},
        )

    def rows(self, query: str, *values: object) -> list[Row]:
        """What the database answers, over a connection that can change nothing."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA busy_timeout = 10000")
            return [dict(row) for row in connection.execute(query, values)]

    def forge_notes(self, kind: str) -> list[Row]:
        """What the forge has written down, as its `audit` or as its `answers`, in order."""
        path = Path(self.forge[kind]) if self.forge else None
        if path is None or not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def jobs(self) -> list[Row]:
        """Every job with its labels, which are named `label_<key>`."""
        labels: dict[str, Row] = {}
        for row in self.rows('SELECT job_id, "key", value FROM label'):
            labels.setdefault(row["job_id"], {})[f"label_{row['key']}"] = row["value"]
        return [job | labels.get(job["job_id"], {}) for job in self.rows("SELECT * FROM job")]

    def by_job(self, table: str, order: str) -> dict[str, list[Row]]:
        """A table's rows by job, in an order of the caller's."""
        found: dict[str, list[Row]] = {}
        for row in self.rows(f"SELECT * FROM {table} ORDER BY job_id, {order}"):
            found.setdefault(row["job_id"], []).append(row)
        return found

    def service_logs(self) -> Iterator[tuple[str, bytes]]:
        """What each service has said."""
        for path in sorted(self.logs.glob("*.log")):
            yield path.stem, path.read_bytes()


def git(repository: Path, *arguments: str) -> str:
    """What a git command says of a repository."""
    done = subprocess.run(
        ["git", "-C", str(repository), "-c", "safe.bareRepository=all", *arguments],
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    return done.stdout.strip()


def lowered(state: str) -> str:
    """A state as `TERMINAL` spells it."""
    return state.lower()


def named(jobs: Sequence[Row]) -> dict[str, Row]:
    """Jobs by their ids."""
    return {job["job_id"]: job for job in jobs}
