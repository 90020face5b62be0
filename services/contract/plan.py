"""Makes a plan of a payload: the contract's whole meaning, as one pure function."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

import rfc8785

from services.contract import capabilities, prompts, rules
from services.contract.payload import Payload, SkillPart, StepPart, read
from services.contract.report import Path, Report, spelled
from services.contract.rules import Resolved
from services.contract.soundness import sound
from services.contract.values import (
    Answer,
    Capability,
    Deployment,
    Json,
    Origin,
    Plan,
    PlannedStep,
    Provenance,
    Stage,
    Step,
)


def plan(raw: dict[str, Json], deployment: Deployment) -> Answer:
    """The plan of a raw payload, or everything that is wrong with it.

    The same arguments always give the same answer. Never raises for any JSON.
    """
    report = Report()
    values = sound(raw, report)
    made = None if values is None else _plan(values, deployment, report)
    return Answer(
        plan=None if report.refused else made,
        warnings=report.warnings,
        violations=report.violations,
    )


def _plan(values: dict[str, Json], deployment: Deployment, report: Report) -> Plan | None:
    payload = read(values, report)
    resolved = rules.resolve(payload, deployment, report)
    if report.refused:
        return None
    steps = _with_prompts(payload.instructions or "", resolved.steps, report)
    if report.refused:
        return None
    task = canonical(payload, resolved)
    required = capabilities.required(payload, resolved)
    return Plan(
        task=task,
        provenance=tuple(_provenance(values, task)),
        capabilities=required,
        stages=resolved.stages,
        steps=steps,
        digest=digest(task, required, resolved.stages, steps),
    )


def canonical(payload: Payload, resolved: Resolved) -> dict[str, Json]:
    """The payload with every default filled in. The implicit step keeps `steps` empty."""
    return {
        **payload.rest,
        "repository": resolved.repository,
        "targetRuntime": resolved.runtime,
        "requiredCapabilities": list(payload.required_capabilities),
        "auth": {**payload.auth.rest, **payload.auth.known},
        "task": {
            **payload.task_rest,
            "instructions": payload.instructions,
            "runtime": {
                **payload.runtime.rest,
                "mode": resolved.runtime,
                **payload.runtime.known,
            },
            "skill": _skill(resolved.task_skill),
            "steps": [
                _step(part, step) for part, step in zip(payload.steps, resolved.steps, strict=False)
            ],
            "git": {**payload.git.rest, **payload.git.known},
            "publish": {
                **payload.publish.rest,
                **payload.publish.known,
                "mode": resolved.publish_mode,
            },
            "limits": {**payload.limits.rest, **payload.limits.known},
            "container": {**payload.container.rest, "enabled": payload.container_enabled},
        },
    }


def digest(
    task: dict[str, Json],
    required: Sequence[Capability],
    stages: Sequence[Stage],
    steps: Sequence[PlannedStep],
) -> str:
    """Lower-case hex SHA-256 over the RFC 8785 form of everything that decides what runs."""
    covered = {
        "task": task,
        "capabilities": [capability.name for capability in required],
        "stages": [str(stage) for stage in stages],
        "steps": [
            {
                "index": step.index,
                "id": step.id,
                "title": step.title,
                "skill": {"id": step.skill.id, "args": step.skill.args},
                "prompt": step.prompt,
            }
            for step in steps
        ],
    }
    return hashlib.sha256(rfc8785.dumps(cast("Any", covered))).hexdigest()


def _with_prompts(objective: str, steps: Sequence[Step], report: Report) -> tuple[PlannedStep, ...]:
    try:
        texts = prompts.assemble(objective, steps)
    except prompts.TooLarge as problem:
        path: Path = ("task", "steps")
        limit = f"all prompts together hold at most {prompts.PLAN_LIMIT:,} bytes"
        if problem.index is not None:
            path = (*path, problem.index)
            limit = f"a prompt holds at most {prompts.PROMPT_LIMIT:,} characters"
        report.refuse(
            path,
            "PLAN_TOO_LARGE",
            f"The objective stands in every step's prompt, and {limit}. Shorten the instructions"
            " or use fewer steps.",
        )
        return ()
    return tuple(
        PlannedStep(
            index=step.index,
            id=step.id,
            title=step.title,
            instructions=step.instructions,
            skill=step.skill,
            prompt=text,
        )
        for step, text in zip(steps, texts, strict=True)
    )


def _step(part: StepPart, step: Step) -> Json:
    return {
        "id": step.id,
        "title": part.title,
        "instructions": part.instructions,
        # Absent stays absent: what a step inherits is not the step's own.
        "skill": None if part.skill is None else _skill(part.skill),
    }


def _skill(part: SkillPart) -> Json:
    return {
        **part.rest,
        "id": part.id,
        "args": part.args,
        "requiredCapabilities": list(part.required_capabilities),
    }


def _provenance(given: dict[str, Json], task: dict[str, Json]) -> Iterator[Provenance]:
    """Where the canonical task says something that the payload does not."""
    runtimes: dict[Path, Json] = {
        ("targetRuntime",): _at(given, ("targetRuntime",)),
        ("task", "runtime", "mode"): _at(given, ("task", "runtime", "mode")),
    }
    for path, value, was in _leaves(given, task, ()):
        if value is None or value == was:
            continue
        from_another = path in runtimes and any(runtimes.values())
        is_id = len(path) == 4 and path[3] == "id" and path[1] == "steps"
        derived = was is not None or from_another or is_id
        origin = Origin.DERIVED if derived else Origin.DEFAULTED
        yield Provenance(spelled(path), origin)


def _at(values: Json, path: tuple[str, ...]) -> Json:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _leaves(was: Json, now: Json, path: Path) -> Iterator[tuple[Path, Json, Json]]:
    """Every value below `now` that is no filled object or list of steps, beside what it was."""
    if isinstance(now, dict) and now and path[-1:] != ("args",):
        for name in sorted(now):
            before = was.get(name) if isinstance(was, dict) else None
            yield from _leaves(before, now[name], (*path, name))
    elif path == ("task", "steps") and isinstance(now, list) and now:
        before_all = was if isinstance(was, list) else []
        for index, (before, after) in enumerate(zip(before_all, now, strict=True)):
            yield from _leaves(before, after, (*path, index))
    else:
        yield path, now, was
