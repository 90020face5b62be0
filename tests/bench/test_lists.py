"""That the benchmark of lists runs; its figures are nobody's business here."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from bench import lists
from bench.__main__ import main
from bench.many_jobs import multiply
from services.orchestrator.store.store import opened
from tests.support.jobs import some_job

JOBS = 1_500


@pytest.mark.timeout(60)
def test_each_filter_is_asked_for_on_the_wire_and_on_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lists, "JOBS", JOBS)

    code = main(["lists", "--rounds=1", "--seconds=0.01", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert {one["name"] for one in told["waits"]} >= {
        f"{way}, {name}" for way in ("ListJobs", "page") for name in lists.FILTERS
    }
    assert all(one["millis"] for one in told["waits"])


async def test_copies_are_jobs_like_those_that_were_submitted(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    async with opened(f"sqlite:///{file}") as store:
        for number in range(3):
            await store.submit(some_job(labels={"number": str(number)}, request_id=str(number)))

    multiply(file, JOBS)

    with closing(sqlite3.connect(file)) as database:
        states = Counter(row[0] for row in database.execute("SELECT state FROM job"))
        counts = {
            table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("job", "step", "label")
        }
        strays = database.execute("PRAGMA foreign_key_check").fetchall()
    assert counts == {"job": JOBS, "step": 2 * JOBS, "label": JOBS}
    assert not strays
    assert states["succeeded"] > states["failed"] > states["queued"] > 0
