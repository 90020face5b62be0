"""Brings a database to the schema this version needs."""

from pathlib import Path

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.orchestrator.store.engine import reading_engine, writing_engine
from services.orchestrator.store.place import StoreUnusable

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(file: Path, revision: str = "head") -> None:
    """Makes or upgrades the schema in one transaction; of two that start, one waits.

    Raises StoreUnusable for a file that is damaged, no database, or of a newer version.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    if revision == "head" and _is_newest(file, ScriptDirectory.from_config(config)):
        return
    engine = writing_engine(file, connections=1)
    try:
        with engine.begin() as connection:
            _refuse_newer(connection, ScriptDirectory.from_config(config), file)
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, revision)
    except sa.exc.DatabaseError as error:
        raise StoreUnusable(
            f"{file} cannot be used as a database: {error.orig}; restore it from a backup, or "
            "see that no other process holds it"
        ) from error
    finally:
        engine.dispose()


def _is_newest(file: Path, scripts: ScriptDirectory) -> bool:
    """There is nothing to write, and so no reason to wait for whoever writes now.

    That may be a process that was stopped in the middle of a commit.
    """
    engine = reading_engine(file, connections=1)
    try:
        with engine.begin() as connection:
            present = MigrationContext.configure(connection).get_current_heads()
    except sa.exc.DatabaseError:
        return False  # whoever tries to write tells what is wrong
    finally:
        engine.dispose()
    return set(present) == set(scripts.get_heads())


def _refuse_newer(connection: sa.Connection, scripts: ScriptDirectory, file: Path) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    present = MigrationContext.configure(connection).get_current_heads()
    unknown = sorted(set(present) - known)
    if unknown:
        raise StoreUnusable(
            f"{file} has schema {unknown[0]}, which this version does not know; start the version "
            "that wrote it, or a newer one"
        )
