"""Finds what an agent left only in its own git, and saves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.runner.workspace.cache import Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A commit that no file of the workspace shows."""

    ref: str
    """Such as `refs/stash@{0}`, `refs/heads/side` or `HEAD@{2}`."""
    commit: str
    subject: str
    """The first line of its message, at most 200 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What was found, and the pack that holds it."""

    commits: Sequence[Left] = ()
    pack: Path | None = None


async def find(directory: Path, cache: Cache, known: Sequence[str]) -> Remains:
    """What is in the agent's git beyond HEAD and the commits of the cache."""
    return Remains()
