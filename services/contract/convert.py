"""Between the wire's messages and the contract's values."""

import math
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice, starmap

from google.protobuf import struct_pb2

from pawl.v1 import contract_pb2 as pb
from pawl.v1 import task_pb2 as task_pb
from services.contract.soundness import MOST_VALUES
from services.contract.values import (
    Answer,
    Json,
    Origin,
    Plan,
    PlannedStep,
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
    Origin.EXPLICIT: task_pb.PROVENANCE_SOURCE_EXPLICIT,
    Origin.DEFAULTED: task_pb.PROVENANCE_SOURCE_DEFAULTED,
    Origin.DERIVED: task_pb.PROVENANCE_SOURCE_DERIVED,
}


def payload(message: struct_pb2.Struct) -> dict[str, Json]:
    """The JSON object a Struct stands for; whole numbers become `int`.

    Of one that holds more values than any payload may, little more than that is read:
    `soundness` then counts too many. Reading half a million takes a second.
    """
    return _Reader().object(message)


def response(answer: Answer) -> pb.ValidateTaskResponse:
    """An answer, plan and violations alike.

    Everything is filled in place: a message handed to another is copied whole.
    """
    made = pb.ValidateTaskResponse()
    if answer.plan is not None:
        _plan(made.plan, answer.plan)
    for remark in answer.warnings:
        made.warnings.add(reason=remark.reason, field=remark.field, description=remark.description)
    for violation in answer.violations:
        made.violations.add(
            field=violation.field, reason=violation.reason, description=violation.description
        )
    return made


def struct(values: Mapping[str, Json]) -> struct_pb2.Struct:
    """The Struct of a JSON object."""
    made = struct_pb2.Struct()
    _fill(made, values)
    return made


def _plan(made: task_pb.Plan, plan: Plan) -> None:
    _fill(made.task, plan.task)
    made.digest = plan.digest
    made.stages.extend([STAGES[stage] for stage in plan.stages])
    made.provenance.extend(starmap(_provenance, plan.provenance.items()))
    for item in plan.capabilities:
        made.required_capabilities.add(name=item.name, reasons=item.reasons)
    for step in plan.steps:
        _step(made.steps.add(), step)


@lru_cache(maxsize=1_024)
def _provenance(path: str, origin: Origin) -> task_pb.Provenance:
    """Nearly every plan tells of the same paths; to be copied, never changed."""
    return task_pb.Provenance(path=path, source=ORIGINS[origin])


def _step(made: task_pb.PlannedStep, step: PlannedStep) -> None:
    made.step_index = step.index
    made.id = step.id
    made.title = step.title
    made.has_step_instructions = bool(step.instructions)
    made.prompt = step.prompt
    made.skill.id = step.skill.id
    made.skill.source = SKILL_SOURCES[step.skill.source]
    made.skill.args.SetInParent()
    _fill(made.skill.args, step.skill.args)


class _Reader:
    """Reads values until there are too many."""

    def __init__(self) -> None:
        self._room = MOST_VALUES

    def object(self, message: struct_pb2.Struct) -> dict[str, Json]:
        members = islice(message.fields.items(), max(self._room, 1))
        return {key: self._value(value) for key, value in members}

    def _value(self, value: struct_pb2.Value) -> Json:
        self._room -= 1
        if self._room < 0:
            return None
        match value.WhichOneof("kind"):
            case "string_value":
                return value.string_value
            case "bool_value":
                return value.bool_value
            case "number_value":
                return _number(value.number_value)
            case "struct_value":
                return self.object(value.struct_value)
            case "list_value":
                return [
                    self._value(item)
                    for item in islice(value.list_value.values, max(self._room, 1))
                ]
            case _:
                return None


def _number(number: float) -> int | float:
    """Struct knows only doubles; those past 2^53 are left as what they are."""
    whole = math.isfinite(number) and number.is_integer() and abs(number) < 2**53
    return int(number) if whole else number


def _fill(made: struct_pb2.Struct, values: Mapping[str, Json]) -> None:
    """Sets members in place: a message made for each first takes four times as long."""
    fields = made.fields
    for key, value in values.items():
        if isinstance(value, str):
            fields[key].string_value = value
        elif value is None:
            fields[key].null_value = struct_pb2.NULL_VALUE
        else:
            _set(fields[key], value)


def _set(made: struct_pb2.Value, value: Json) -> None:
    match value:
        case None:
            made.null_value = struct_pb2.NULL_VALUE
        case bool():
            made.bool_value = value
        case int() | float():
            made.number_value = value
        case str():
            made.string_value = value
        case list():
            made.list_value.SetInParent()
            for item in value:
                _set(made.list_value.values.add(), item)
        case dict():
            made.struct_value.SetInParent()
            _fill(made.struct_value, value)
