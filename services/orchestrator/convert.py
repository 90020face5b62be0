"""Between the domain's values and the messages clients see."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format, struct_pb2, timestamp_pb2

from pawl.v1 import job_pb2, task_pb2
from pawl.wire.storage import span, to_message
from services.orchestrator.jobs.activity import Activity
from services.orchestrator.jobs.failures import Failure
from services.orchestrator.jobs.job import (
    Artifact,
    CancelRequest,
    Event,
    Job,
    JobOutcome,
    JobState,
    Step,
    StepState,
    Stream,
    Usage,
)
from services.orchestrator.jobs.plan import Capability, Plan, PlannedStep, Skill, Stage
from services.orchestrator.jobs.runners import KnownRunner

# Names, not numbers: messages take either, and the names are what the domain has too.
STATES = {state: f"JOB_STATE_{state.name}" for state in JobState}
OUTCOMES = {one: f"JOB_OUTCOME_{one.name}" for one in JobOutcome}
STEP_STATES = {one: f"STEP_STATE_{one.name}" for one in StepState}
STAGES = {stage: f"STAGE_{stage.name}" for stage in Stage}
STREAMS = {one: f"OUTPUT_STREAM_{one.name}" for one in Stream}

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


def struct_to_dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The JSON object a Struct holds; whole numbers come out as int."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return struct_to_dict(value.struct_value)
        case "list_value":
            return [_plain(one) for one in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def dict_to_struct(value: Mapping[str, Any]) -> struct_pb2.Struct:
    """The other way; values must be JSON."""
    return json_format.ParseDict(dict(value), struct_pb2.Struct())


def plan_from_message(message: task_pb2.Plan) -> Plan:
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


def plan_to_message(plan: Plan) -> task_pb2.Plan:
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


def job_to_message(job: Job) -> job_pb2.Job:
    """The job; with its plan where it was read with it."""
    return job_pb2.Job(
        job_id=job.job_id,
        state=STATES[job.state],
        outcome=OUTCOMES[job.outcome] if job.outcome else None,
        failure=failure_to_message(job.failure) if job.failure else None,
        plan=plan_to_message(job.plan) if job.plan else None,
        priority=job.priority,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        labels=job.labels,
        not_before=stamp(job.not_before),
        cancel_requested=cancel_request_to_message(job.cancel_requested),
        create_time=stamp(job.create_time),
        start_time=stamp(job.start_time),
        end_time=stamp(job.end_time),
        stage=STAGES[job.stage] if job.stage else None,
        steps=[_step(step) for step in job.steps],
        base_commit=job.base_commit,
        working_branch=job.working_branch,
        published_commit=job.published_commit,
        pull_request_url=job.pull_request_url,
        last_sequence=job.last_sequence,
        epoch=job.epoch,
        repository=job.repository,
        runtime=job.runtime,
        artifacts_removed_time=stamp(job.artifacts_removed),
        checkpoints_removed_time=stamp(job.checkpoints_removed),
        duplicate_pull_requests=job.duplicate_pull_requests,
        objective=job.objective,
        publish_mode=job.publish_mode,
    )


def cancel_request_to_message(request: CancelRequest | None) -> job_pb2.CancelRequest | None:
    """Who asked for a job to stop; None where nobody did."""
    if request is None:
        return None
    return job_pb2.CancelRequest(time=stamp(request.time), by=request.by, reason=request.reason)


def _step(step: Step) -> job_pb2.Step:
    return job_pb2.Step(
        step_index=step.index,
        id=step.id,
        title=step.title,
        state=STEP_STATES[step.state],
        attempt=step.attempt,
        start_time=stamp(step.start_time),
        end_time=stamp(step.end_time),
        summary=step.summary,
        usage=usage_to_message(step.usage) if step.usage else None,
        runner_id=step.runner_id,
        cli_version=step.version,
    )


def failure_to_message(failure: Failure) -> job_pb2.Failure:
    """Why a job failed."""
    return job_pb2.Failure(
        reason=failure.reason.value,
        message=failure.message,
        step_index=failure.step_index,
        remedy=failure.remedy,
    )


def usage_to_message(usage: Usage) -> job_pb2.Usage:
    """What is known of it; the rest stays absent."""
    known = {one.name: getattr(usage, one.name) for one in fields(Usage)}
    return job_pb2.Usage(**{name: value for name, value in known.items() if value is not None})


def event_to_message(event: Event) -> job_pb2.JobEvent:
    """One stored fact."""
    return job_pb2.JobEvent(
        job_id=event.job_id,
        sequence=event.sequence,
        create_time=stamp(event.create_time),
        type=event.type,
        attempt=event.attempt,
        stage=STAGES[event.stage] if event.stage else None,
        step_index=event.step_index,
        message=event.message,
        payload=dict_to_struct(event.payload),
    )


def activity_to_message(activity: Activity) -> job_pb2.Activity:
    """One thing an agent did."""
    return job_pb2.Activity(
        step_index=activity.step_index,
        attempt=activity.attempt,
        index=activity.index,
        create_time=stamp(activity.create_time),
        kind=f"ACTIVITY_KIND_{activity.kind.name}",
        text=activity.text,
        path=activity.path,
        usage=usage_to_message(activity.usage) if activity.usage else None,
        error_class=activity.error_class,
        reset_time=stamp(activity.reset_time),
    )


def artifact_to_message(artifact: Artifact) -> job_pb2.Artifact:
    """One listed artifact."""
    return job_pb2.Artifact(
        path=artifact.path,
        size_bytes=artifact.size,
        sha256=artifact.sha256,
        content_type=artifact.content_type,
        create_time=stamp(artifact.create_time),
    )


def runner_to_message(known: KnownRunner) -> job_pb2.Runner:
    """One address of the fleet; one that was never heard from has a target alone."""
    said = known.description
    if said is None:
        return job_pb2.Runner(target=known.target)
    return job_pb2.Runner(
        runner_id=said.runner_id,
        target=known.target,
        capabilities=said.capabilities,
        runtimes=[
            job_pb2.RuntimeCard(
                name=card.name,
                available=card.available,
                version=card.version,
                reason=card.reason,
            )
            for card in said.runtimes
        ],
        slots=said.slots,
        free_slots=known.free_slots,
        isolation=said.isolation,
        draining=said.draining,
        reachable=known.reachable,
        draining_reason=said.draining_reason,
        storage=to_message(said.storage) if said.storage else None,
        clock_offset=span(said.clock_offset),
    )


def stamp(time: datetime | None) -> timestamp_pb2.Timestamp | None:
    """A time on the wire; None stays absent."""
    if time is None:
        return None
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(time.astimezone(UTC))
    return message
