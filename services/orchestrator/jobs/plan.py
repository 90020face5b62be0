"""The plan of a job, as the contract derived it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum, auto
from typing import Any

from services.orchestrator.jobs.plaintext import cut

OBJECTIVE_CHARACTERS = 120


class Stage(StrEnum):
    """The parts every job passes through, in this order."""

    PREPARE = auto()
    EXECUTE = auto()
    PUBLISH = auto()


class PublishMode(StrEnum):
    """What is asked to become of the result."""

    NONE = auto()
    BRANCH = auto()
    PR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """The procedure a step follows; `source` is `step`, `task` or `default`."""

    id: str
    args: Mapping[str, Any] = field(default_factory=dict)
    source: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step with the exact prompt its agent gets."""

    index: int
    id: str
    title: str
    skill: Skill
    has_step_instructions: bool
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Something a fleet must offer, with everything that asks for it."""

    name: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What ends work early; None is no limit."""

    step_timeout: timedelta
    silence: timedelta
    job_timeout: timedelta
    queue_timeout: timedelta | None
    max_output_bytes: int
    max_tokens: int | None
    """Input and output of all steps together."""
    max_cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job runs. `task` is the canonical payload, every default filled in."""

    task: Mapping[str, Any]
    provenance: Mapping[str, str]
    """Path to `explicit`, `defaulted` or `derived`."""
    capabilities: tuple[Capability, ...]
    stages: tuple[Stage, ...]
    steps: tuple[PlannedStep, ...]
    digest: str

    @property
    def repository(self) -> str:
        """As the task names it: a URL, a path, or ``owner/repo``."""
        return str(self.task["repository"])

    @property
    def runtime(self) -> str:
        """`codex`, `gemini` or `claude`."""
        return str(self._inner["runtime"]["mode"])

    @property
    def model(self) -> str | None:
        """As the runtime spells it; None for its default."""
        value: str | None = self._inner["runtime"].get("model")
        return value

    @property
    def effort(self) -> str | None:
        """As the runtime spells it; None for its default."""
        value: str | None = self._inner["runtime"].get("effort")
        return value

    @property
    def starting_branch(self) -> str | None:
        """The branch to start from; None for the default branch."""
        value: str | None = self._inner["git"].get("startingBranch")
        return value

    @property
    def new_branch(self) -> str | None:
        """The branch to publish to; None where the rules choose it."""
        value: str | None = self._inner["git"].get("newBranch")
        return value

    @property
    def publish_mode(self) -> PublishMode:
        """What is asked to become of the result."""
        return PublishMode(self._inner["publish"]["mode"])

    @property
    def commit_message(self) -> str | None:
        """The message of the published commit; None for one made from the task."""
        value: str | None = self._inner["publish"].get("commitMessage")
        return value

    @property
    def pr_title(self) -> str | None:
        """The pull request's title; None for one made from the task."""
        value: str | None = self._inner["publish"].get("prTitle")
        return value

    @property
    def pr_body(self) -> str | None:
        """The pull request's text; None for one made from the job."""
        value: str | None = self._inner["publish"].get("prBody")
        return value

    @property
    def pr_base_branch(self) -> str | None:
        """The branch the pull request goes into; None where the rules choose it."""
        value: str | None = self._inner["publish"].get("prBaseBranch")
        return value

    @property
    def auth_refs(self) -> tuple[str | None, str | None]:
        """The references to secrets: to read the repository, to publish to it."""
        auth = self.task.get("auth") or {}
        return auth.get("repoAuthRef"), auth.get("publishAuthRef")

    @property
    def instructions(self) -> str:
        """The objective."""
        return str(self._inner["instructions"])

    @property
    def objective(self) -> str:
        """The first line of the instructions, for lists: at most 120 characters."""
        return cut(next(iter(self.instructions.strip().splitlines()), ""), OBJECTIVE_CHARACTERS)

    @property
    def limits(self) -> Limits:
        """The task's limits, defaults filled in by the contract."""
        given = self._inner["limits"]
        queue, tokens = given.get("queueTimeoutSeconds"), given.get("maxTokens")
        cost = given.get("maxCostUsd")
        return Limits(
            step_timeout=timedelta(seconds=float(given["stepTimeoutSeconds"])),
            silence=timedelta(seconds=float(given["silenceSeconds"])),
            job_timeout=timedelta(seconds=float(given["jobTimeoutSeconds"])),
            queue_timeout=None if queue is None else timedelta(seconds=float(queue)),
            max_output_bytes=int(given["maxOutputBytes"]),
            max_tokens=None if tokens is None else int(tokens),
            max_cost_usd=None if cost is None else float(cost),
        )

    @property
    def skill_ids(self) -> tuple[str, ...]:
        """Every skill to place, once each, in order of first need; `auto` places none."""
        return tuple(skill for skill in self.effective_skill_ids if skill != "auto")

    @property
    def effective_skill_ids(self) -> tuple[str, ...]:
        """The task's skill and those of its steps, `auto` too, once each."""
        task_skill = str((self._inner.get("skill") or {}).get("id", "auto"))
        return tuple(dict.fromkeys((task_skill, *(step.skill.id for step in self.steps))))

    @property
    def _inner(self) -> Mapping[str, Any]:
        inner: Mapping[str, Any] = self.task["task"]
        return inner
