"""What a workspace is and what happened to it, durable in its folder."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from services.runner.values import WorkspaceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the caller asked for; equal openings may share an untouched workspace."""

    workspace_id: WorkspaceId
    repository_key: str
    base_commit: str
    files_commit: str
    working_branch: str
    skill_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The durable facts about one workspace."""

    opening: Opening
    epoch: int
    ready: bool = False
    started: bool = False
    """A run was started in it."""
    tree: str = ""
    """What the last snapshot gave, or the files it was made from."""
    stored: tuple[str, ...] = ()
    """Trees that the caller is known to have."""
    left: tuple[str, ...] = ()
    """Commits that the last snapshot told were left in git alone."""
    left_stored: tuple[str, ...] = ()
    """Such commits that the caller is known to have; they are not told again."""
    sources: tuple[tuple[str, str], ...] = ()
    """Skill id and where it came from: `operator` or `repository`."""
    excluded: tuple[str, ...] = ()
    """Paths of placed skills, as the file system's own strings."""

    def stored_now(self) -> "Record":
        """The record once a run was started: the caller has what the last snapshot gave."""
        stored = dict.fromkeys((*self.stored, self.tree))
        left = dict.fromkeys((*self.left_stored, *self.left))
        return replace(
            self, started=True, stored=tuple(stored)[-8:], left=(), left_stored=tuple(left)[-1000:]
        )


def read(folder: Path) -> Record | None:
    """The record in `folder`; None where there is none that can be read."""
    try:
        fields = json.loads((folder / "meta.json").read_bytes())
        opening = fields.pop("opening")
        opening["skill_ids"] = tuple(opening["skill_ids"])
        for name in ("stored", "left", "left_stored", "excluded"):
            fields[name] = tuple(fields[name])
        fields["sources"] = tuple((skill, source) for skill, source in fields["sources"])
        return Record(opening=Opening(**opening), **fields)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
        return None


def write(folder: Path, record: Record) -> None:
    """Replaces the record; it is on disk when this returns."""
    text = json.dumps(asdict(record), sort_keys=True).encode()
    fresh = folder / "meta.json.new"
    with fresh.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / "meta.json")
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
