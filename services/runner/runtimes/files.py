"""Writes a CLI's private files, copied from the operator's own where there are any."""

import json
import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.runner.runtimes.environment import names_secret

_LARGEST = 1024 * 1024
"""No login or configuration of a CLI is larger."""


def read_small(path: Path) -> bytes | None:
    """The whole of `path`, None where there is no such file.

    Raises OSError where it cannot be read, or is larger than 1 MiB.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    if len(data) > _LARGEST:
        raise OSError(f"{path} is larger than 1 MiB: it cannot be a CLI's configuration")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Put `data` at `path`, mode 0600, its folder 0700; replaces whatever lies there.

    An earlier step's agent may have left anything under that name, a link to elsewhere included:
    the name is replaced, never written through. (A folder in the way raises OSError.)
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".pawl-new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.replace(path)


def copy_private(name: str, source: Path | None, folder: Path) -> bytes | None:
    """Copy file `name` of `source` into `folder`, if it is there; returns what was copied."""
    data = read_small(source / name) if source is not None else None
    if data is None:
        # Not the operator's, so it is an earlier step's: it must not steer this one.
        (folder / name).unlink(missing_ok=True)
    else:
        write_private(folder / name, data)
    return data


def as_object(data: bytes | None) -> Mapping[str, object]:
    """The JSON or TOML object in `data`; empty where it holds none."""
    if data is None:
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        try:
            value = tomllib.loads(data.decode())
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def secrets_in(value: object, depth: int = 8) -> Iterator[str]:
    """Every string below `value` whose field is named like a secret."""
    if depth == 0:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                if names_secret(str(name)):
                    yield inner
            else:
                yield from secrets_in(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            yield from secrets_in(inner, depth - 1)


def secrets_of(source: Path | None, *names: str) -> list[str]:
    """The secrets in files `names` of `source`, as far as they are there."""
    if source is None:
        return []
    return [secret for name in names for secret in secrets_in(as_object(read_small(source / name)))]


def program_at(name: str, binary: Path, path: str | None) -> Path:
    """The file that `binary` names, looked up along `path` where it is a bare name.

    Raises FileNotFoundError, naming the setting of runtime `name`, where there is none.
    """
    found = shutil.which(str(binary), path=path)
    if found is None:
        raise FileNotFoundError(
            f"{binary} is not there or cannot be executed:"
            f" install the CLI or set PAWL_{name.upper()}_BINARY to its path"
        )
    return Path(found)
