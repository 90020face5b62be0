"""The plan as a message, both ways."""

from pawl.v1 import task_pb2
from services.orchestrator.jobs.plan import Capability, Plan, PlannedStep, Skill, Stage
from services.orchestrator.structs import dict_to_struct, struct_to_dict

STAGES = {stage: f"STAGE_{stage.name}" for stage in Stage}

_STAGES_READ = {task_pb2.Stage.Value(name): stage for stage, name in STAGES.items()}
_PROVENANCE = {
    "explicit": task_pb2.PROVENANCE_SOURCE_EXPLICIT,
    "defaulted": task_pb2.PROVENANCE_SOURCE_DEFAULTED,
    "derived": task_pb2.PROVENANCE_SOURCE_DERIVED,
}
_PROVENANCE_READ = {number: word for word, number in _PROVENANCE.items()}
_SOURCES = {
    "step": task_pb2.SKILL_SOURCE_STEP,
    "task": task_pb2.SKILL_SOURCE_TASK,
    "default": task_pb2.SKILL_SOURCE_DEFAULT,
}
_SOURCES_READ = {number: word for word, number in _SOURCES.items()}


def from_message(message: task_pb2.Plan) -> Plan:
    """The plan the contract sent."""
    return Plan(
        task=struct_to_dict(message.task),
        provenance={
            one.path: _PROVENANCE_READ.get(one.source, "derived") for one in message.provenance
        },
        capabilities=tuple(
            Capability(name=one.name, reasons=tuple(one.reasons))
            for one in message.required_capabilities
        ),
        stages=tuple(_STAGES_READ[one] for one in message.stages if one in _STAGES_READ),
        steps=tuple(
            PlannedStep(
                index=one.step_index,
                id=one.id,
                title=one.title,
                skill=Skill(
                    id=one.skill.id,
                    args=struct_to_dict(one.skill.args),
                    source=_SOURCES_READ.get(one.skill.source, "default"),
                ),
                has_step_instructions=one.has_step_instructions,
                prompt=one.prompt,
            )
            for one in message.steps
        ),
        digest=message.digest,
    )


def to_message(plan: Plan) -> task_pb2.Plan:
    """The plan as clients see it: what the contract had sent."""
    return task_pb2.Plan(
        task=dict_to_struct(plan.task),
        provenance=[
            task_pb2.Provenance(path=path, source=_PROVENANCE[word])
            for path, word in plan.provenance.items()
        ],
        required_capabilities=[
            task_pb2.RequiredCapability(name=one.name, reasons=one.reasons)
            for one in plan.capabilities
        ],
        stages=[STAGES[stage] for stage in plan.stages],
        steps=[
            task_pb2.PlannedStep(
                step_index=step.index,
                id=step.id,
                title=step.title,
                skill=task_pb2.Skill(
                    id=step.skill.id,
                    args=dict_to_struct(step.skill.args),
                    source=_SOURCES[step.skill.source],
                ),
                has_step_instructions=step.has_step_instructions,
                prompt=step.prompt,
            )
            for step in plan.steps
        ],
        digest=plan.digest,
    )
