"""Removes a folder in whatever state an agent left it."""

import asyncio
import os
import stat
import uuid
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BATCH = 5_000


async def remove(path: Path, trash: Path) -> None:
    """Takes `path` out of sight at once, then deletes it; nothing there is no error.

    `trash` is on the same file system. A crash in between leaves the rest to
    the next `empty`.
    """
    trash.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        for folder in (path.parent, path):
            _unlock_path(folder)
        path.rename(trash / uuid.uuid4().hex)
        with suppress(OSError):
            path.parent.rmdir()  # only when it was the job's last
    await empty(trash)


async def empty(trash: Path) -> None:
    """Deletes all that lies in `trash`, in batches, so that a caller can stop in between."""
    while trash.is_dir() and await asyncio.to_thread(_delete_some, trash):
        pass


def _delete_some(trash: Path) -> bool:
    """Deletes at most a batch; whether anything is left.

    A folder found inside another is moved up before it is emptied. So nothing
    is ever deep: 10,000 nested folders need neither as many descriptors nor a
    path of that length.
    """
    top = os.open(trash, _FOLDER)
    try:
        budget = _BATCH
        while budget > 0:
            with os.scandir(top) as entries:
                names = [entry.name for _, entry in zip(range(budget), entries, strict=False)]
            if not names:
                return False
            for name in names:
                budget -= _delete(top, name, budget)
                if budget <= 0:
                    break
        return True
    finally:
        os.close(top)


def _delete(top: int, name: str, budget: int) -> int:
    """Returns how much of the budget it took, at least 1."""
    if not _is_folder(top, name):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=top)
        return 1
    with suppress(FileNotFoundError):  # another caller may be emptying too
        _unlock(top, name)
        inside = os.open(name, _FOLDER, dir_fd=top)
        try:
            used = _clear(top, inside, budget)
        finally:
            os.close(inside)
        if used < budget:
            os.rmdir(name, dir_fd=top)
        return used + 1
    return 1


def _clear(top: int, inside: int, budget: int) -> int:
    used = 0
    with os.scandir(inside) as entries:
        for entry in entries:
            if used >= budget:
                break
            used += 1
            if entry.is_dir(follow_symlinks=False):
                _unlock(inside, entry.name)
                os.rename(entry.name, uuid.uuid4().hex, src_dir_fd=inside, dst_dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=inside)
    return used


def _is_folder(parent: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _unlock_path(path: Path) -> None:
    above = os.open(path.parent, _FOLDER)
    try:
        _unlock(above, path.name)
    finally:
        os.close(above)


def _unlock(parent: int, name: str) -> None:
    """Gives the owner every right to a folder; moving one rewrites its `..`."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(f"/proc/self/fd/{handle}", stat.S_IRWXU)  # noqa: PTH101
    finally:
        os.close(handle)
