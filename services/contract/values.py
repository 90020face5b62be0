"""The words the contract's parts share: plans, steps, capabilities, the deployment."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TypeAlias

from pawl.hosts import NO_HOSTS, HostRules, Hosts
from pawl.wire.errors import Violation

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value; numbers without a fraction are `int`."""

RUNTIMES = ("codex", "gemini", "claude")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the operator decides for every task."""

    default_repository: str | None = None
    default_runtime: str = "codex"
    """One of `RUNTIMES`."""
    allow_local_repositories: bool = False
    """Paths, ``file://`` and this machine as a host."""
    allowed_repositories: tuple[str, ...] = ()
    """Globs over the canonical spelling; none allows every repository."""
    private_hosts: Hosts = NO_HOSTS
    """May be of private networks."""
    allowed_hosts: Hosts = NO_HOSTS
    """None but these; none listed allows every host."""
    forge_url: str = "https://github.com"
    """Where ``owner/repo`` lies: always allowed, if private or plain http, too."""
    containers: bool = False
    """Whether the runners of this version can run `task.container`."""

    @property
    def hosts(self) -> HostRules:
        """Which hosts a repository may be on."""
        return HostRules(
            local=self.allow_local_repositories,
            private=self.private_hosts,
            allowed=self.allowed_hosts,
        )


class Stage(StrEnum):
    """The parts every job passes through, in this order."""

    PREPARE = auto()
    EXECUTE = auto()
    PUBLISH = auto()


class SkillSource(StrEnum):
    """Which level of a payload a step's skill was taken from."""

    STEP = auto()
    TASK = auto()
    DEFAULT = auto()


class Origin(StrEnum):
    """How a value of the canonical task came to be."""

    EXPLICIT = auto()
    DEFAULTED = auto()
    DERIVED = auto()


@dataclass(frozen=True, slots=True)
class Capability:
    """Something a fleet must offer, with everything that asks for it."""

    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Skill:
    """The procedure a step follows; `auto` leaves the choice to the runtime."""

    id: str
    args: Mapping[str, Json]
    source: SkillSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, resolved; identity is the index, since ids may repeat."""

    index: int
    id: str
    title: str
    """May be empty."""
    instructions: str
    """Empty for a step that only names a skill, and for the implicit step."""
    skill: Skill


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep(Step):
    """A step with the exact text its runtime gets."""

    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will run. `digest` covers everything but provenance and reasons."""

    task: Mapping[str, Json]
    """The canonical task; planning it again gives the same digest."""
    provenance: Mapping[str, Origin]
    """By path, in the order of the payload's declaration."""
    capabilities: tuple[Capability, ...]
    stages: tuple[Stage, ...]
    steps: tuple[PlannedStep, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a caller should see although it does not stop the task."""

    reason: str
    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Either a plan or violations, never both; both lists are ordered by path."""

    plan: Plan | None
    warnings: tuple[Remark, ...]
    violations: tuple[Violation, ...]
