"""How the facts about a job's steps and stages are told."""

from typing import Any

from services.orchestrator.drive.ports import Finished
from services.orchestrator.jobs.job import NewEvent
from services.orchestrator.jobs.plan import PlannedStep, Stage

SUMMARY_CHARACTERS = 500


def summary_of(end: Finished | None) -> str:
    """The beginning of what the agent said last."""
    return end.final_message[:SUMMARY_CHARACTERS] if end else ""


def sentence(planned: PlannedStep, what: str) -> str:
    """What became of a step, for a person."""
    return f"Step {planned.index} ({planned.title or planned.id}) {what.rstrip('.')}."


def step_event(planned: PlannedStep, what: str, message: str, **facts: Any) -> NewEvent:
    """`task.step.<what>` with what every event of a step carries, and `facts`."""
    return NewEvent(
        type=f"task.step.{what}",
        message=message,
        payload={
            "stepIndex": planned.index,
            "stepId": planned.id,
            "stepTitle": planned.title,
            "effectiveSkill": planned.skill.id,
            "hasStepInstructions": planned.has_step_instructions,
            **facts,
        },
        stage=Stage.EXECUTE,
        step_index=planned.index,
    )


def stage_event(stage: Stage, what: str, message: str, **facts: Any) -> NewEvent:
    """`task.stage.<what>` for one of the stages."""
    return NewEvent(
        type=f"task.stage.{what}",
        message=message,
        payload={"stage": stage.value, **facts},
        stage=stage,
    )
