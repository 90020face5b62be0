"""Makes a plan of a payload: the contract's whole meaning, as one pure function."""

import hashlib
from collections.abc import Sequence

from services.contract import capabilities, prompts, rules
from services.contract.canonical import canonical
from services.contract.payload import read
from services.contract.report import Path, Report, spelled
from services.contract.soundness import Sound, sound
from services.contract.values import (
    Answer,
    Capability,
    Deployment,
    Json,
    Plan,
    PlannedStep,
    Stage,
    Step,
)


def plan(raw: dict[str, Json], deployment: Deployment) -> Answer:
    """The plan of a raw payload, or everything that is wrong with it.

    The same arguments always give the same answer. Never raises for any JSON.
    """
    report = Report()
    payload = sound(raw, report)
    made = None if payload is None else _plan(payload, deployment, report)
    return Answer(
        plan=None if report.refused else made,
        warnings=report.warnings,
        violations=report.violations,
    )


def _plan(raw: Sound, deployment: Deployment, report: Report) -> Plan | None:
    payload = read(raw.values, report)
    resolved = rules.apply(payload, deployment, report)
    if report.refused:
        return None
    task = payload.values
    steps = _with_prompts(task["task"]["instructions"], resolved.steps, report)
    if report.refused:
        return None
    required = capabilities.required(payload, resolved)
    return Plan(
        task=task,
        provenance={spelled(path): origin for path, origin in payload.origins.items()},
        capabilities=required,
        stages=resolved.stages,
        steps=steps,
        digest=digest(task, required, resolved.stages, steps, simple=raw.simple),
    )


def digest(
    task: dict[str, Json],
    required: Sequence[Capability],
    stages: Sequence[Stage],
    steps: Sequence[PlannedStep],
    *,
    simple: bool = False,
) -> str:
    """Lower-case hex SHA-256 over the RFC 8785 form of everything that decides what runs.

    `simple` promises what `canonical` asks of it.
    """
    covered: dict[str, Json] = {
        "task": task,
        "capabilities": [capability.name for capability in required],
        "stages": [str(stage) for stage in stages],
        "steps": [
            {
                "index": step.index,
                "id": step.id,
                "title": step.title,
                "skill": {"id": step.skill.id, "args": dict(step.skill.args)},
                "prompt": step.prompt,
            }
            for step in steps
        ],
    }
    return hashlib.sha256(canonical(covered, simple=simple)).hexdigest()


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
            "The objective and the other steps' titles stand in every step's prompt, and"
            f" {limit}. Shorten them, or use fewer steps.",
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
