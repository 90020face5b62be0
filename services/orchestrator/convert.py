"""Between the domain's values and the messages clients see."""

from dataclasses import fields
from datetime import UTC, datetime

from google.protobuf import timestamp_pb2

from pawl.v1 import job_pb2
from pawl.wire.storage import span, to_message
from services.orchestrator import plans
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
from services.orchestrator.jobs.runners import KnownRunner
from services.orchestrator.plans import STAGES
from services.orchestrator.structs import dict_to_struct

# Names, not numbers: messages take either, and the names are what the domain has too.
STATES = {state: f"JOB_STATE_{state.name}" for state in JobState}
OUTCOMES = {one: f"JOB_OUTCOME_{one.name}" for one in JobOutcome}
STEP_STATES = {one: f"STEP_STATE_{one.name}" for one in StepState}
STREAMS = {one: f"OUTPUT_STREAM_{one.name}" for one in Stream}


def job_to_message(job: Job) -> job_pb2.Job:
    """The job; with its plan where it was read with it."""
    return job_pb2.Job(
        job_id=job.job_id,
        state=STATES[job.state],
        outcome=OUTCOMES[job.outcome] if job.outcome else None,
        failure=failure_to_message(job.failure) if job.failure else None,
        plan=plans.to_message(job.plan) if job.plan else None,
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
