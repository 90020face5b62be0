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
        table = old.execute("PRAGMA table_info(job)").fetchall()
        needed = {name: 0 for _, name, _, required, *_ in table if required}
        names, values = ", ".join(needed), ", ".join("?" * len(needed))
        old.execute(f"INSERT INTO job ({names}) VALUES ({values})", list(needed.values()))
    old.close()

    migrate(file)

    with sqlite3.connect(file) as new:
        rows = new.execute("SELECT claim_nonce, spent FROM job").fetchall()
    new.close()
    assert rows == [("", None)]


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
