"""What a job means to publish, frozen before the first push."""

from dataclasses import dataclass
from enum import StrEnum, auto


class Phase(StrEnum):
    """How far publishing is; it only ever moves forward."""

    INTENT = auto()
    PUSHED = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The one commit of a job and the branch it goes to."""

    branch: str
    expected: str
    """The commit the remote branch must have before the push; empty for absent."""
    base_commit: str
    tree: str
    commit: str
    message: str
    phase: Phase = Phase.INTENT
