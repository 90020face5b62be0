"""Fills an orchestrator's database: few jobs are submitted, the others are copies of their rows."""

import random
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

TEMPLATES = 40
SEED = 20261129
AT_ONCE = 2_000
WORDS = (
    "fix", "payment", "retry", "billing", "queue", "refactor", "module", "tests", "parser",
    "upgrade", "dependency", "dead", "code", "client", "error", "message", "clear", "rename",
    "cache", "user", "session", "token", "page", "render", "slow", "index", "schema",
)  # fmt: skip
STATES = ("succeeded",) * 88 + ("failed",) * 8 + ("cancelled",) * 3 + ("dead_letter",)
QUEUED = 0.002
"""The share, of the newest jobs, that have not ended."""

Row = dict[str, Any]


def payloads() -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Tasks that differ in all that lists filter by, each with its labels."""
    words = random.Random(SEED)  # noqa: S311 - the same tasks every time
    for number in range(TEMPLATES):
        task = {
            "instructions": " ".join(words.choices(WORDS, k=30)),
            "skill": {"id": ("auto", "auto", "speckit")[number % 3]},
            "steps": [
                {
                    "title": " ".join(words.choices(WORDS, k=5)),
                    "instructions": " ".join(words.choices(WORDS, k=20)),
                }
                for _ in range(3)
            ],
            "publish": {"mode": ("pr", "branch", "pr", "none")[number % 4]},
        }
        payload = {
            "repository": f"acme/repo-{number % 10}",
            "targetRuntime": ("codex", "claude")[number % 2],
            # Nobody offers it: no copy is ever claimed, or looked at for a plan.
            "requiredCapabilities": ["nobody-offers-this"],
            "task": task,
        }
        yield payload, {"team": ("core", "web", "edge")[number % 3]}


def multiply(file: Path, jobs: int) -> None:
    """Makes copies of the jobs in a database until there are so many, most of them ended.

    Copies have steps and labels, and neither plans nor events, which lists never read.
    """
    with closing(sqlite3.connect(file)) as database:
        database.row_factory = sqlite3.Row
        like = [_belonging(database, job) for job in _rows(database, "SELECT * FROM job")]
        made = _copies(like, jobs - len(like))
        while some := [next(made, None) for _ in range(AT_ONCE)]:
            batch = [one for one in some if one is not None]
            for table in ("job", "step", "label"):
                _insert(database, table, [row for copy in batch for row in copy[table]])
            if len(batch) < AT_ONCE:
                break
        database.commit()


def _belonging(database: sqlite3.Connection, job: Row) -> dict[str, list[Row]]:
    mine = {
        table: _rows(database, f"SELECT * FROM {table} WHERE job_id = ?", job["job_id"])  # noqa: S608
        for table in ("step", "label")
    }
    return {"job": [job], **mine}


def _copies(like: list[dict[str, list[Row]]], count: int) -> Iterator[dict[str, list[Row]]]:
    chance = random.Random(SEED)  # noqa: S311 - the same states every time
    first = max(one["job"][0]["submit_order"] for one in like) + 1
    for number in range(count):
        one = like[number % len(like)]
        (job,) = one["job"]
        job_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        order = first + number
        state = "queued" if number > (1 - QUEUED) * count else chance.choice(STATES)
        now = {"job_id": job_id, "submit_order": order}
        copy = {**job, **now, "request_id": "", **_ended(job, state)}
        branch = f"task/20260101/{job_id[-8:]}"
        found_by = job["found_by"].replace(job["job_id"], job_id)
        copy |= {"working_branch": branch, "found_by": f"{found_by} {branch}"}
        step = {"job_id": job_id, "state": "pending" if state == "queued" else "succeeded"}
        yield {
            "job": [copy],
            "step": [{**row, **step} for row in one["step"]],
            "label": [{**row, **now} for row in one["label"]],
        }


def _ended(job: Row, state: str) -> Row:
    if state == "queued":
        return {}
    failed = state in {"failed", "dead_letter"}
    return {
        "state": state,
        "outcome": {"succeeded": "branch", "cancelled": "cancelled"}.get(state, "failed"),
        "stage": "publish",
        "start_time": job["create_time"],
        "end_time": job["create_time"] + 60_000_000,
        "failure_reason": "AGENT_EXIT" if failed else None,
        "failure_message": "The agent ended with exit code 1." if failed else None,
        "failure_remedy": "Read the log of the step." if failed else None,
    }


def _rows(database: sqlite3.Connection, query: str, *values: Any) -> list[Row]:
    return [dict(row) for row in database.execute(query, values)]


def _insert(database: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    if not rows:
        return
    names = ", ".join(rows[0])
    places = ", ".join(f":{name}" for name in rows[0])
    database.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608
