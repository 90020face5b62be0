"""Shows a plan to a person."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from rich.table import Column

from pawl.cli import tables
from pawl.client import Plan, PlannedStep, ProvenanceSource, SkillSource, Stage

MOST_REASONS = 6
"""Of one capability; each of a hundred steps may add one."""

_DEFAULT_BRANCH = "the repository's default branch"

_STEPS = (
    Column("step", justify="right", no_wrap=True),
    Column("id", min_width=8),
    Column("title", min_width=12),
    Column("skill", min_width=8),
    Column("from", no_wrap=True),
    Column("instructions", no_wrap=True),
    Column("prompt", justify="right", no_wrap=True),
)
_CAPABILITIES = (Column("name", min_width=8), Column("required because"))
_DEFAULTS = (Column("field", no_wrap=True), Column("value"))


def put(plan: Plan) -> None:
    """Prints everything in a plan but its prompts, on standard output."""
    root = json_format.MessageToDict(plan.task)
    stages = (tables.word(Stage.Name(stage), "STAGE_") for stage in plan.stages)
    tables.put_fields(
        (
            ("digest", plan.digest),
            *facts(root),
            ("limits", _limits(plan, root)),
            ("stages", ", ".join(stages)),
        )
    )
    _section("steps", _STEPS, map(_row, plan.steps))
    capabilities = plan.required_capabilities
    rows = ((needed.name, _reasons(needed.reasons)) for needed in capabilities)
    _section("capabilities", _CAPABILITIES, rows)
    if defaults := list(_defaults(plan, root)):
        _section("defaults", _DEFAULTS, defaults)


def _section(name: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    sys.stdout.write(f"\n{name}\n")
    tables.put(columns, rows, headed=True)


def facts(root: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a canonical task comes to, each with its name; empty where it is silent."""
    task = root["task"]
    runtime, publish, container = task["runtime"], task["publish"], task["container"]
    yield "repository", root["repository"]
    choices = (f"{name} {runtime[name]}" for name in ("model", "effort") if runtime[name])
    yield "runtime", ", ".join((root["targetRuntime"], *choices))
    yield "container", container["image"] if container["enabled"] else ""
    start, new = task["git"]["startingBranch"], task["git"]["newBranch"]
    yield "starts from", start or _DEFAULT_BRANCH
    yield "works on", new or _working(start)
    yield (
        "publishes",
        {"none": "nothing", "branch": "the branch"}.get(publish["mode"], "a pull request"),
    )
    if publish["mode"] == "pr":
        onto = start if start and new and new != start else _DEFAULT_BRANCH
        yield "into", publish["prBaseBranch"] or onto
        yield "titled", publish["prTitle"] or ""
    yield "commit", publish["commitMessage"] or ""


def _working(start: str | None) -> str:
    made_up = "a new branch, task/DAY/EIGHT-HEX-DIGITS"
    return made_up if start is None else f"{start}; if that is the default branch, {made_up}"


def _limits(plan: Plan, root: Mapping[str, Any]) -> str:
    """Those that are not defaults."""
    chosen = [
        f"{path.rpartition('.')[2]} {_shown(_at(root, path))}"
        for path, source in _origins(plan)
        if path.startswith("task.limits.")
        and source != ProvenanceSource.PROVENANCE_SOURCE_DEFAULTED
    ]
    return ", ".join(chosen)


def _defaults(plan: Plan, root: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of each part of the task the fields that got a value although none was given."""
    parts: dict[str, list[str]] = {}
    for path, source in _origins(plan):
        value = _at(root, path)
        if source == ProvenanceSource.PROVENANCE_SOURCE_DEFAULTED and value not in (None, [], {}):
            part, _, name = path.rpartition(".")
            parts.setdefault(part or name, []).append(f"{name if part else ''} {_shown(value)}")
    for part, values in parts.items():
        yield part, ", ".join(values).strip()


def _origins(plan: Plan) -> Iterator[tuple[str, ProvenanceSource]]:
    """Without those of steps, which have a table of their own."""
    for origin in plan.provenance:
        if not origin.path.startswith("task.steps"):
            yield origin.path, origin.source


def _at(root: Mapping[str, Any], path: str) -> Any:
    value: Any = root
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(step: PlannedStep) -> tuple[str, ...]:
    return (
        str(step.step_index),
        step.id,
        step.title,
        step.skill.id,
        tables.word(SkillSource.Name(step.skill.source), "SKILL_SOURCE_"),
        "yes" if step.has_step_instructions else "no",
        f"{len(step.prompt.encode())} B",
    )


def _reasons(reasons: Sequence[str]) -> str:
    more = len(reasons) - MOST_REASONS
    shown = "; ".join(reasons[:MOST_REASONS])
    return f"{shown}; and {more} more, see --json" if more > 0 else shown
