"""Between the wire's messages and the contract's values."""

import math

from google.protobuf import struct_pb2

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import task_pb2 as task_pb
from pawl.wire.errors import Violation
from services.contract.values import (
    Answer,
    Json,
    Origin,
    Plan,
    PlannedStep,
    Remark,
    SkillSource,
    Stage,
)

STAGES = {
    Stage.PREPARE: task_pb.STAGE_PREPARE,
    Stage.EXECUTE: task_pb.STAGE_EXECUTE,
    Stage.PUBLISH: task_pb.STAGE_PUBLISH,
}
SKILL_SOURCES = {
    SkillSource.STEP: task_pb.SKILL_SOURCE_STEP,
    SkillSource.TASK: task_pb.SKILL_SOURCE_TASK,
    SkillSource.DEFAULT: task_pb.SKILL_SOURCE_DEFAULT,
}
ORIGINS = {
    Origin.DEFAULTED: task_pb.PROVENANCE_SOURCE_DEFAULTED,
    Origin.DERIVED: task_pb.PROVENANCE_SOURCE_DERIVED,
}


def payload(message: struct_pb2.Struct) -> dict[str, Json]:
    """The JSON object a Struct stands for; whole numbers become `int`."""
    return {key: _json(value) for key, value in message.fields.items()}


def response(answer: Answer) -> pb.ValidateTaskResponse:
    """An answer, plan and violations alike."""
    return pb.ValidateTaskResponse(
        plan=None if answer.plan is None else _plan(answer.plan),
        warnings=[_warning(remark) for remark in answer.warnings],
        violations=[_violation(violation) for violation in answer.violations],
    )


def struct(values: dict[str, Json]) -> struct_pb2.Struct:
    """The Struct of a JSON object."""
    return struct_pb2.Struct(fields={key: _value(value) for key, value in values.items()})


def _plan(plan: Plan) -> task_pb.Plan:
    return task_pb.Plan(
        task=struct(dict(plan.task)),
        provenance=[
            task_pb.Provenance(path=item.path, source=ORIGINS[item.origin])
            for item in plan.provenance
        ],
        required_capabilities=[
            task_pb.RequiredCapability(name=item.name, reasons=item.reasons)
            for item in plan.capabilities
        ],
        stages=[STAGES[stage] for stage in plan.stages],
        steps=[_step(step) for step in plan.steps],
        digest=plan.digest,
    )


def _step(step: PlannedStep) -> task_pb.PlannedStep:
    return task_pb.PlannedStep(
        step_index=step.index,
        id=step.id,
        title=step.title,
        skill=task_pb.Skill(
            id=step.skill.id,
            args=struct(dict(step.skill.args)),
            source=SKILL_SOURCES[step.skill.source],
        ),
        has_step_instructions=bool(step.instructions),
        prompt=step.prompt,
    )


def _warning(remark: Remark) -> task_pb.Warning:
    return task_pb.Warning(reason=remark.reason, field=remark.field, description=remark.description)


def _violation(violation: Violation) -> task_pb.FieldViolation:
    return task_pb.FieldViolation(
        field=violation.field, reason=violation.reason, description=violation.description
    )


def _json(value: struct_pb2.Value) -> Json:
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            return _number(value.number_value)
        case "string_value":
            return value.string_value
        case "struct_value":
            return payload(value.struct_value)
        case "list_value":
            return [_json(item) for item in value.list_value.values]
        case _:
            return None


def _number(number: float) -> int | float:
    """Struct knows only doubles; those past 2^53 are left as what they are."""
    whole = math.isfinite(number) and number.is_integer() and abs(number) < 2**53
    return int(number) if whole else number


def _value(value: Json) -> struct_pb2.Value:
    match value:
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case bool():
            return struct_pb2.Value(bool_value=value)
        case int() | float():
            return struct_pb2.Value(number_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case list():
            items = [_value(item) for item in value]
            return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
        case dict():
            return struct_pb2.Value(struct_value=struct(value))
