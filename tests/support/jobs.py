"""Plans and jobs for tests that need some, with names for what matters in them."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.job import JobId, NewEvent
from services.orchestrator.jobs.plan import Capability, Plan, PlannedStep, Skill, Stage

TERM = timedelta(seconds=30)


def some_id() -> JobId:
    """A job id nothing else has."""
    return JobId(str(uuid.uuid4()))


def some_plan(
    *,
    steps: int = 2,
    capabilities: tuple[str, ...] = ("codex", "git"),
    publish: str = "branch",
    queue_timeout: float | None = None,
    repository: str = "owner/repo",
    runtime: str = "codex",
    instructions: str = "Make it better.",
    titles: Sequence[str] = (),
    skill: str = "auto",
    step_skills: Sequence[str] = (),
) -> Plan:
    """A plan whose every value is lawful; titles and skills of steps are those of its first."""
    task: dict[str, Any] = {
        "repository": repository,
        "task": {
            "instructions": instructions,
            "runtime": {"mode": runtime, "model": None, "effort": None},
            "skill": {"id": skill, "args": {}},
            "steps": [],
            "git": {"startingBranch": None, "newBranch": None},
            "publish": {"mode": publish, "commitMessage": None},
            "limits": {
                "stepTimeoutSeconds": 3600,
                "silenceSeconds": 900,
                "jobTimeoutSeconds": 43200,
                "queueTimeoutSeconds": queue_timeout,
                "maxOutputBytes": 268435456,
            },
        },
    }
    return Plan(
        task=task,
        provenance={"task.publish.mode": "defaulted"},
        capabilities=tuple(Capability(name=name, reasons=("a test",)) for name in capabilities),
        stages=tuple(Stage),
        steps=tuple(
            PlannedStep(
                index=index,
                id=f"step-{index + 1}",
                title=titles[index] if index < len(titles) else f"Part {index + 1}",
                skill=Skill(id=step_skills[index] if index < len(step_skills) else skill),
                has_step_instructions=True,
                prompt=f"Do part {index + 1}.",
            )
            for index in range(steps)
        ),
        digest="d" * 64,
    )


def some_job(
    plan: Plan | None = None,
    *,
    job_id: JobId | None = None,
    request_id: str = "",
    submit_digest: str = "s" * 64,
    priority: int = 0,
    labels: dict[str, str] | None = None,
    principal: str = "local",
) -> NewJob:
    """A job to submit."""
    return NewJob(
        job_id=job_id or some_id(),
        principal=principal,
        request_id=request_id,
        submit_digest=submit_digest,
        plan=plan or some_plan(),
        priority=priority,
        max_attempts=3,
        labels=labels or {},
    )


def fact(type_: str = "task.test", *, step_index: int | None = None, **payload: Any) -> NewEvent:
    """An event to store."""
    return NewEvent(type=type_, message="It happened.", payload=payload, step_index=step_index)
