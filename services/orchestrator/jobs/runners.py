"""What there is to know about runners."""

from dataclasses import dataclass
from datetime import timedelta

from pawl.storage import Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeCard:
    """Whether a runner can run a runtime and, if not, why."""

    name: str
    available: bool
    version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerDescription:
    """What a runner says of itself."""

    runner_id: str
    incarnation: str
    capabilities: tuple[str, ...]
    runtimes: tuple[RuntimeCard, ...]
    slots: int
    free_slots: int
    isolation: str
    draining: bool
    workspace_ids: tuple[str, ...]
    token: str = ""
    """The moment it said so, by its own clock."""
    draining_reason: str = ""
    storage: Storage | None = None
    """What it keeps; None where it does not tell."""
    clock_offset: timedelta | None = None
    """How far its clock was ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRunner:
    """One address of the fleet, and what was last heard from it."""

    target: str
    reachable: bool
    description: RunnerDescription | None
    """None before the first answer."""
    free_slots: int
    """How many it would take now; those promised to jobs do not count."""
