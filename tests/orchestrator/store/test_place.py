"""Where a database may be, what is refused, and in which words."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from services.orchestrator.store import place
from services.orchestrator.store.place import StoreUnusable, network_kind
from services.orchestrator.store.store import opened
from tests.support.jobs import some_job


async def refusal(url: str) -> str:
    """The sentence a store is refused with."""
    with pytest.raises(StoreUnusable) as refused:
        async with opened(url):
            pass
    return str(refused.value)


async def test_jobs_are_there_when_it_is_opened_again(url: str) -> None:
    async with opened(url) as store:
        job, _ = await store.submit(some_job())

    async with opened(url) as store:
        assert await store.job(job.job_id) == job


async def test_others_cannot_read_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "jobs.db"

    async with opened(f"sqlite:///{file}") as store:
        await store.submit(some_job())

        modes = {stat.S_IMODE(one.stat().st_mode) for one in file.parent.glob("jobs.db*[bml]")}

    assert modes == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_it_writes_ahead_and_waits_for_the_disk(url: str) -> None:
    async with opened(url) as store:
        with store._threads.renewing.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
async def test_a_database_that_has_gone_is_never_made_anew(
    url: str, tmp_path: Path, left: str
) -> None:
    async with opened(url):
        pass
    file = tmp_path / "jobs.db"
    file.unlink()
    if left != "nothing":
        file.touch()

    assert "says that there was a database" in await refusal(url)


async def test_what_is_no_database_is_refused(url: str, tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(os.urandom(8192))

    assert "cannot be used as a database" in await refusal(url)


async def test_a_database_of_a_newer_version_is_refused(url: str, tmp_path: Path) -> None:
    async with opened(url):
        pass
    connection = sqlite3.connect(tmp_path / "jobs.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()

    assert "has schema 9999" in await refusal(url)


@pytest.mark.parametrize(
    "url", ["postgresql://host/db", "sqlite://", "nonsense", "sqlite:////x?mode=ro"]
)
async def test_other_databases_are_refused_by_the_settings_name(url: str) -> None:
    assert "PAWL_DATABASE_URL" in await refusal(url)


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /mnt/shared nfs4 rw 0 0
/dev/sdb1 /mnt/shared/local xfs rw 0 0
me@host: /mnt/with\\040blank fuse.sshfs rw 0 0
tmpfs /mnt/shared2 tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/var/lib", None),
        ("/mnt/shared", "nfs4"),
        ("/mnt/shared/deep/er", "nfs4"),
        ("/mnt/shared/local/x", None),
        ("/mnt/shared2", None),
        ("/mnt/with blank/x", "fuse.sshfs"),
    ],
)
def test_network_file_systems_are_told_by_their_mounts(directory: str, kind: str | None) -> None:
    assert network_kind(Path(directory), MOUNTS) == kind


async def test_a_database_on_a_network_file_system_is_refused_before_it_is_made(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/export {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(place, "MOUNTS", mounts)

    assert "lies on a network file system (nfs4)" in await refusal(url)
    assert list(tmp_path.iterdir()) == [mounts]
