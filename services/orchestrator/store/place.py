"""Judges the place a database is to be kept in before anything is opened there."""

import os
import re
import uuid
from pathlib import Path

import sqlalchemy as sa

NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs2",
    "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
})  # fmt: skip
"""File systems whose locks other machines do not, or not reliably, respect."""

MOUNTS = Path("/proc/self/mounts")


class StoreUnusable(Exception):
    """The service must not start on this database; the message is one sentence for a person."""


def database_file(url: str) -> Path:
    """The file a ``sqlite:///`` URL names. Raises StoreUnusable."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreUnusable(
            "PAWL_DATABASE_URL is not a URL; write sqlite:////var/lib/pawl/jobs.db"
        ) from error
    if parsed.query:
        raise StoreUnusable("PAWL_DATABASE_URL takes no options; remove the ? and what follows")
    if parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise StoreUnusable(
            f"PAWL_DATABASE_URL names {parsed.drivername}, of which this version can only use "
            "a file: write sqlite:////var/lib/pawl/jobs.db"
        )
    return Path(parsed.database).absolute()


def settle(file: Path) -> None:
    """Makes sure that the database may be opened, or made, at `file`. Raises StoreUnusable.

    The marker beside a database says that there was one: a volume that is not mounted
    must not look like a first start.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = network_kind(file.parent.resolve(), MOUNTS.read_text(errors="surrogateescape"))
    if kind is not None:
        raise StoreUnusable(
            f"{file} lies on a network file system ({kind}), where SQLite's locks cannot be "
            "trusted; move the data directory to a local disk"
        )
    if _marker(file).exists() and not (file.exists() and file.stat().st_size):
        raise StoreUnusable(
            f"{file} is missing or empty, but {_marker(file).name} beside it says that there was "
            "a database; mount or restore it, or remove that marker to begin anew"
        )
    # Journals get the mode of the database: nobody else may read jobs.
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def mark(file: Path) -> None:
    """Notes durably that a database exists at `file`."""
    marker = _marker(file)
    if marker.exists():
        return
    draft = marker.with_name(f"{marker.name}.{uuid.uuid4().hex}")
    with draft.open("x") as open_draft:
        open_draft.write(
            f"{file.name} is Pawl's database; without it this service must not start.\n"
        )
        open_draft.flush()
        os.fsync(open_draft.fileno())
    draft.replace(marker)
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def network_kind(directory: Path, mounts: str) -> str | None:
    """The kind of network file system `directory` lies on, by the text of /proc/mounts."""
    best, kind = Path("/"), ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_unescaped(fields[1]))
        if directory.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, fields[2]
    return kind if kind in NETWORK else None


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


def _marker(file: Path) -> Path:
    return file.with_name(f"{file.name}.exists")
