"""Reads a raw payload into typed values, noting everything that is wrong field by field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.contract import branches
from services.contract.fields import Fields, wrong_type
from services.contract.report import Path, Report
from services.contract.values import Json

MOST_STEPS = 100
INSTRUCTIONS_LIMIT = 256 * 1024
"""Bytes of UTF-8, for the objective and for each step's instructions."""
TITLE_LIMIT = 200
"""Characters."""
PUBLISH_MODES = ("none", "branch", "pr")

OVERRIDES = frozenset(
    {
        "runtime",
        "targetRuntime",
        "target_runtime",
        "model",
        "effort",
        "repository",
        "repo",
        "git",
        "publish",
        "container",
        "auth",
        "limits",
    }
)
"""What people try to set per step and what holds for the task as a whole."""

_STEP_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SKILL_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+\[\]-]{0,127}")
_EFFORT = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SECRET_REF = re.compile(
    r"vault://(?!\.{1,2}/)[A-Za-z0-9._-]+(/(?!\.{1,2}[/#])[A-Za-z0-9._-]+)+#[A-Za-z0-9._-]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillPart:
    """A `skill` object as given."""

    id: str
    args: dict[str, Json]
    required_capabilities: tuple[str, ...]
    rest: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPart:
    """One element of `task.steps` as given."""

    id: str | None
    title: str | None
    instructions: str | None
    skill: SkillPart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """An object whose known fields need no more than defaults; `rest` is unknown to us."""

    known: dict[str, Json]
    rest: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A payload's fields, trimmed; None is absent. Values with a violation are stand-ins."""

    repository: str | None
    target_runtime: str | None
    required_capabilities: tuple[str, ...]
    auth: Section
    instructions: str | None
    runtime_mode: str | None
    runtime: Section
    """`model` and `effort`."""
    skill: SkillPart | None
    steps: tuple[StepPart, ...]
    has_steps: bool
    """Whether any were given, readable or not."""
    git: Section
    publish: Section
    limits: Section
    container_enabled: bool
    container: Section
    task_rest: dict[str, Json]
    rest: dict[str, Json]


def read(values: dict[str, Json], report: Report) -> Payload:
    """Reads every field once; what nobody reads becomes a warning."""
    root = Fields(values, (), report)
    task = root.within("task") or Fields({}, ("task",), report)
    runtime = _part(task, "runtime", report)
    container = _part(task, "container", report)
    items = task.items("steps")
    payload = Payload(
        repository=root.text("repository", most=2048),
        target_runtime=_lower(root.text("targetRuntime", most=64)),
        required_capabilities=root.capabilities("requiredCapabilities"),
        auth=_auth(_part(root, "auth", report), report),
        instructions=task.text("instructions", most=INSTRUCTIONS_LIMIT, one_line=False),
        runtime_mode=_lower(runtime.text("mode", most=64)),
        runtime=_runtime(runtime),
        skill=_skill(task.within("skill"), report),
        steps=_steps(items, ("task", "steps"), report),
        has_steps=bool(items) or report.faulty(("task", "steps")),
        git=_git(_part(task, "git", report), report),
        publish=_publish(_part(task, "publish", report), report),
        limits=_limits(_part(task, "limits", report)),
        container_enabled=container.flag("enabled"),
        # Its other fields mean nothing while it is off, and nothing yet while it is on.
        container=Section(known={}, rest=_without(container.values, "enabled")),
        task_rest=task.rest(),
        rest=root.rest(),
    )
    if payload.instructions is None and not report.faulty(("task",)):
        report.refuse(
            ("task", "instructions"),
            "REQUIRED",
            "The objective is missing or blank. Say what the whole task is to reach, also when"
            " there are steps.",
        )
    return payload


def _part(parent: Fields, name: str, report: Report) -> Fields:
    return parent.within(name) or Fields({}, (*parent.path, name), report)


def _lower(value: str | None) -> str | None:
    return None if value is None else value.lower()


def _without(values: Mapping[str, Json], name: str) -> dict[str, Json]:
    return {key: value for key, value in values.items() if key != name}


def _auth(fields: Fields, report: Report) -> Section:
    known: dict[str, Json] = {}
    for name in ("repoAuthRef", "publishAuthRef"):
        reference = fields.text(name, most=512)
        path = (*fields.path, name)
        if reference is not None and not report.faulty(path):
            if not _SECRET_REF.fullmatch(reference):
                report.refuse(
                    path,
                    "SECRET_REF",
                    "It is no reference to a secret. Write vault://mount/path#field; if a secret"
                    " itself stood here, revoke it.",
                )
            else:
                report.warn(
                    path,
                    "SECRET_REF_UNUSED",
                    "This version resolves no references; the deployment's own credentials are"
                    " used.",
                )
        known[name] = reference
    return Section(known=known, rest=fields.rest())


def _runtime(fields: Fields) -> Section:
    known: dict[str, Json] = {
        "model": fields.name(
            "model", _MODEL, "MODEL_NAME", "at most 128 letters, digits and ._:/@+[]-"
        ),
        "effort": fields.name(
            "effort", _EFFORT, "EFFORT_NAME", "one lower-case word the runtime knows"
        ),
    }
    return Section(known=known, rest=fields.rest())


def _skill(fields: Fields | None, report: Report, *, closed: bool = False) -> SkillPart | None:
    if fields is None:
        return None
    rule = "at most 64 lower-case letters, digits and ._-, the first a letter or digit"
    name = fields.name("id", _SKILL_ID, "SKILL_ID", rule)
    if name is None:
        report.refuse(
            (*fields.path, "id"),
            "REQUIRED",
            "A skill needs its id. Name it, or leave skill out to inherit.",
        )
    part = SkillPart(
        id=name or "",
        args=fields.free("args"),
        required_capabilities=fields.capabilities("requiredCapabilities"),
        rest={},
    )
    if closed:
        _close(fields, report)
        return part
    return SkillPart(
        id=part.id,
        args=part.args,
        required_capabilities=part.required_capabilities,
        rest=fields.rest(),
    )


def _steps(items: list[tuple[Path, Json]], path: Path, report: Report) -> tuple[StepPart, ...]:
    if len(items) > MOST_STEPS:
        report.refuse(
            path,
            "TOO_MANY_STEPS",
            f"There are {len(items):,} steps; split the task so that none has more than"
            f" {MOST_STEPS}.",
        )
        return ()
    parts = []
    for where, item in items:
        if isinstance(item, dict):
            parts.append(_step(Fields(item, where, report), report))
        else:
            wrong_type(report, where, "an object with instructions or a skill", item)
    return tuple(parts)


def _step(fields: Fields, report: Report) -> StepPart:
    title = fields.text("title", most=4 * TITLE_LIMIT)
    if title is not None and len(title) > TITLE_LIMIT:
        report.refuse(
            (*fields.path, "title"),
            "SIZE",
            f"It holds {len(title)} characters; shorten it to at most {TITLE_LIMIT}.",
        )
    skill_given = fields.values.get("skill") is not None
    step = StepPart(
        id=fields.name("id", _STEP_ID, "STEP_ID", "at most 64 letters, digits and ._-"),
        title=title,
        instructions=fields.text("instructions", most=INSTRUCTIONS_LIMIT, one_line=False),
        skill=_skill(fields.within("skill"), report, closed=True),
    )
    _close(fields, report)
    if step.instructions is None and not skill_given:
        report.refuse(
            fields.path,
            "STEP_BLANK",
            "The step says nothing. Give it instructions or a skill, or remove it.",
        )
    return step


def _close(fields: Fields, report: Report) -> None:
    """Steps are closed: a setting that holds for the task would be ignored without a word."""
    for name in fields.unknown():
        if name in OVERRIDES:
            report.refuse(
                (*fields.path, name),
                "STEP_OVERRIDE_FORBIDDEN",
                f"{name} is a task-level setting that holds for all steps. Remove it here and set"
                " it on the task.",
            )
        else:
            report.refuse(
                (*fields.path, name),
                "STEP_FIELD_UNKNOWN",
                "There is no such field in a step. A step has id, title, instructions and skill, a"
                " skill id, args and requiredCapabilities.",
            )


def _git(fields: Fields, report: Report) -> Section:
    known: dict[str, Json] = {
        "startingBranch": _branch(fields, "startingBranch", branches.fault_of_existing, report),
        "newBranch": _branch(fields, "newBranch", branches.fault_of_new, report),
    }
    return Section(known=known, rest=fields.rest())


def _branch(
    fields: Fields, name: str, fault: Callable[[str], str | None], report: Report
) -> str | None:
    value = fields.text(name, most=255)
    path = (*fields.path, name)
    if value is not None and not report.faulty(path) and (problem := fault(value)):
        report.refuse(path, "BRANCH_NAME", f"{problem}.")
    return value


def _publish(fields: Fields, report: Report) -> Section:
    mode = fields.text("mode", most=64)
    path = (*fields.path, "mode")
    if mode is not None and mode not in PUBLISH_MODES and not report.faulty(path):
        report.refuse(
            path, "UNKNOWN_PUBLISH_MODE", "There is no such mode. Use none, branch or pr."
        )
    known: dict[str, Json] = {
        "mode": mode,
        "prBaseBranch": _branch(fields, "prBaseBranch", branches.fault_of_existing, report),
        "commitMessage": fields.text("commitMessage", most=16 * 1024, one_line=False),
        "prTitle": fields.text("prTitle", most=256),
        "prBody": fields.text("prBody", most=60_000, one_line=False),
    }
    return Section(known=known, rest=fields.rest())


def _limits(fields: Fields) -> Section:
    known: dict[str, Json] = {
        "stepTimeoutSeconds": fields.number(
            "stepTimeoutSeconds", low=1, high=86_400, default=3_600
        ),
        "silenceSeconds": fields.number("silenceSeconds", low=1, high=86_400, default=900),
        "jobTimeoutSeconds": fields.number(
            "jobTimeoutSeconds", low=1, high=604_800, default=43_200
        ),
        "queueTimeoutSeconds": fields.number(
            "queueTimeoutSeconds", low=1, high=2_592_000, default=None
        ),
        "maxOutputBytes": fields.number(
            "maxOutputBytes", low=1_024, high=16 * 1024**3, default=256 * 1024**2
        ),
        "maxTokens": fields.number("maxTokens", low=1, high=10**12, default=None),
        "maxCostUsd": fields.number(
            "maxCostUsd", low=0.01, high=1_000_000, default=None, whole=False
        ),
    }
    return Section(known=known, rest=fields.rest())
