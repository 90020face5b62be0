"""The migrations make exactly the tables that the queries use."""

import contextlib
import sqlite3
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from services.orchestrator.store.engine import writing_engine
from services.orchestrator.store.schema import migrate
from services.orchestrator.store.store import opened
from services.orchestrator.store.tables import metadata
from tests.orchestrator.store.claiming import Rig
from tests.support.jobs import fact, some_job, some_plan


def test_migrating_makes_what_the_tables_say(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    migrate(file)
    engine = writing_engine(file, connections=1)

    with engine.begin() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        conditions = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'"
        ).scalars()
        made = {" ".join(one.split()) for one in conditions}
    engine.dispose()

    assert differences == []
    assert made == {
        str(sa.schema.CreateIndex(index).compile(dialect=engine.dialect))
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    migrate(file)
    before = file.read_bytes()

    migrate(file)

    assert file.read_bytes() == before


def test_jobs_of_the_first_version_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    migrate(file, "0001")
    with sqlite3.connect(file) as old:
        _insert(old, "job")
    old.close()

    migrate(file)

    with sqlite3.connect(file) as new:
        rows = new.execute("SELECT claim_nonce, spent FROM job").fetchall()
    new.close()
    assert rows == [("", None)]


def test_since_when_a_job_has_been_open_is_told_of_earlier_ones_too(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    migrate(file, "0008")
    with sqlite3.connect(file) as old:
        _insert(old, "job", submit_order=1, job_id="plain", create_time=10)
        _insert(old, "job", submit_order=2, job_id="again", create_time=20, request_id="r")
        for sequence, kind in enumerate(("job.submitted", "job.retried", "job.retried", "job.x")):
            _insert(
                old,
                "event",
                job_id="again",
                sequence=sequence,
                create_time=20 + sequence,
                type=kind,
            )
    old.close()

    migrate(file)

    with sqlite3.connect(file) as new:
        opened_times = dict(new.execute("SELECT job_id, opened_time FROM job").fetchall())
    new.close()
    assert opened_times == {"plain": 10, "again": 22}


def _insert(connection: sqlite3.Connection, table: str, **given: object) -> None:
    """A row of what is given; whatever else it must have is 0."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    row = {name: 0 for _, name, _, required, *_ in columns if required} | given
    names, places = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(row.values()))


async def test_a_database_that_somebody_keeps_from_being_written_can_be_opened(
    tmp_path: Path,
) -> None:
    """A process that was stopped in the middle of a commit once kept others from starting."""
    file = tmp_path / "jobs.db"
    migrate(file)
    with contextlib.closing(sqlite3.connect(file)) as holder:
        holder.execute("BEGIN IMMEDIATE")

        async with opened(f"sqlite:///{file}") as store:
            assert await store.candidates(limit=1) == []


async def test_jobs_that_were_there_are_listed_like_new_ones(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    async with opened(f"sqlite:///{new}") as store:
        await _some_jobs(Rig(store))
    _put_into_revision(old, "0009", new)

    migrate(old)

    for table in ("job", "label"):
        assert _rows(old, table) == _rows(new, table)


async def _some_jobs(rig: Rig) -> None:
    long = some_plan(instructions="\n".join(["A  Straße cafe\u0301 " * 9] * 9), titles=["t" * 200])
    await rig.submit(some_job(long, labels={"team": "core", "x": ""}))
    skilled = some_plan(steps=4, skill="speckit", step_skills=["auto", "a.b"], publish="none")
    claim = await rig.claim(await rig.submit(some_job(skilled, labels={"team": "edge"})))
    await rig.store.pin(
        claim, fact(), default_branch="main", base_commit="b" * 40, working_branch="Task/1"
    )


def _put_into_revision(file: Path, revision: str, source: Path) -> None:
    """The jobs of another database, as far as the revision has columns for them."""
    migrate(file, revision)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as old:
        old.execute("ATTACH ? AS source", [str(source)])
        for table in ("job", "plan", "label"):
            names = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM source.{table}")


def _rows(file: Path, table: str) -> list[dict[str, object]]:
    with contextlib.closing(sqlite3.connect(file)) as opened_file:
        opened_file.row_factory = sqlite3.Row
        return [dict(row) for row in opened_file.execute(f"SELECT * FROM {table} ORDER BY job_id")]
