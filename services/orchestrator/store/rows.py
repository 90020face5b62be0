"""Rows to values of the domain; the way back is in the statements that write them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.forge import WantedPullRequest
from services.orchestrator.jobs.job import (
    Artifact,
    CancelRequest,
    Event,
    Job,
    JobId,
    JobOutcome,
    JobState,
    Segment,
    Step,
    StepState,
    Stream,
    Usage,
)
from services.orchestrator.jobs.plan import Capability, Plan, PlannedStep, PublishMode, Skill, Stage
from services.orchestrator.jobs.publishing import Phase, Publication

Row = sa.RowMapping

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(span: timedelta) -> int:
    """Whole microseconds."""
    return span // timedelta(microseconds=1)


def stamp(time: datetime | None) -> int | None:
    """A time as it is stored; it needs a time zone."""
    return None if time is None else micros(time - EPOCH)


def time(stored: int | None) -> datetime | None:
    """A stored time, aware, in UTC."""
    return None if stored is None else EPOCH + timedelta(microseconds=stored)


def sure_time(stored: int) -> datetime:
    """A stored time where there always is one."""
    return EPOCH + timedelta(microseconds=stored)


def job(
    row: Row,
    *,
    steps: Sequence[Row],
    labels: Mapping[str, str],
    plan_document: Mapping[str, Any] | None,
) -> Job:
    """A job from its row and what belongs to it."""
    return Job(
        job_id=JobId(row["job_id"]),
        principal=row["principal"],
        request_id=row["request_id"],
        state=JobState(row["state"]),
        outcome=JobOutcome(row["outcome"]) if row["outcome"] else None,
        failure=_failure(row),
        plan=None if plan_document is None else plan(plan_document),
        repository=row["repository"],
        runtime=row["runtime"],
        objective=row["objective"],
        publish_mode=PublishMode(row["publish_mode"]),
        capabilities=tuple(row["capabilities"]),
        priority=row["priority"],
        attempt=row["attempt"],
        max_attempts=row["max_attempts"],
        losses=row["losses"],
        spent=usage(row["spent"]),
        labels=labels,
        not_before=time(row["not_before"]),
        cancel_requested=cancel_request(row),
        create_time=sure_time(row["create_time"]),
        start_time=time(row["start_time"]),
        end_time=time(row["end_time"]),
        stage=Stage(row["stage"]) if row["stage"] else None,
        steps=tuple(_step(one) for one in steps),
        default_branch=row["default_branch"],
        base_commit=row["base_commit"],
        working_branch=row["working_branch"],
        published_commit=row["published_commit"],
        pull_request_url=row["pull_request_url"],
        last_sequence=row["last_sequence"],
        epoch=row["epoch"],
        workspace_id=row["workspace_id"],
        workspace_count=row["workspace_count"],
        runner_id=row["runner_id"],
        incarnation=row["incarnation"],
        duplicate_pull_requests=tuple(row["duplicate_pull_requests"] or ()),
        checkpoints_removed=time(row["checkpoints_removed_time"]),
        artifacts_removed=time(row["artifacts_removed_time"]),
    )


def cancel_request(row: Row) -> CancelRequest | None:
    """The cancel request in a job's row, if there is one."""
    if row["cancel_time"] is None:
        return None
    return CancelRequest(
        time=sure_time(row["cancel_time"]), by=row["cancel_by"], reason=row["cancel_reason"]
    )


def usage(document: Mapping[str, Any] | None) -> Usage | None:
    """Stored usage; None where nothing is known."""
    return None if document is None else Usage(**document)


def usage_document(value: Usage | None) -> dict[str, Any] | None:
    """Usage as the JSON it is stored as."""
    return None if value is None else asdict(value)


def event(row: Row) -> Event:
    """An event from its row."""
    return Event(
        job_id=JobId(row["job_id"]),
        sequence=row["sequence"],
        create_time=sure_time(row["create_time"]),
        type=row["type"],
        attempt=row["attempt"],
        stage=Stage(row["stage"]) if row["stage"] else None,
        step_index=row["step_index"],
        message=row["message"],
        payload=row["payload"],
    )


def artifact(row: Row) -> Artifact:
    """An artifact from its row."""
    return Artifact(
        path=row["path"],
        size=row["size"],
        sha256=row["sha256"],
        content_type=row["content_type"],
        key=row["key"],
        create_time=sure_time(row["create_time"]),
    )


def segment(row: Row) -> Segment:
    """A segment from its row."""
    return Segment(
        step_index=row["step_index"],
        attempt=row["attempt"],
        stream=Stream(row["stream"]),
        offset=row["stream_offset"],
        size=row["size"],
        key=row["key"],
        order=row["arrival"],
    )


def publication(row: Row) -> Publication:
    """A publication from its row."""
    return Publication(
        branch=row["branch"],
        expected=row["expected"],
        base_commit=row["base_commit"],
        tree=row["tree"],
        commit=row["commit"],
        message=row["message"],
        phase=Phase(row["phase"]),
        pull_request=_wanted(row["pull_request"]),
        request_time=time(row["request_time"]),
        pull_number=row["pull_number"],
    )


def _wanted(document: Mapping[str, Any] | None) -> WantedPullRequest | None:
    if document is None:
        return None
    return WantedPullRequest(**{**document, "labels": tuple(document["labels"])})


def plan_document(value: Plan) -> dict[str, Any]:
    """A plan as the JSON it is stored as."""
    return asdict(value)


def plan(document: Mapping[str, Any]) -> Plan:
    """A stored plan."""
    return Plan(
        task=document["task"],
        provenance=document["provenance"],
        capabilities=tuple(
            Capability(name=one["name"], reasons=tuple(one["reasons"]))
            for one in document["capabilities"]
        ),
        stages=tuple(Stage(one) for one in document["stages"]),
        steps=tuple(
            PlannedStep(
                index=one["index"],
                id=one["id"],
                title=one["title"],
                skill=Skill(**one["skill"]),
                has_step_instructions=one["has_step_instructions"],
                prompt=one["prompt"],
            )
            for one in document["steps"]
        ),
        digest=document["digest"],
    )


def _failure(row: Row) -> Failure | None:
    if row["failure_reason"] is None:
        return None
    return Failure(
        Reason(row["failure_reason"]),
        row["failure_message"],
        row["failure_remedy"],
        row["failure_step_index"],
    )


def _step(row: Row) -> Step:
    return Step(
        index=row["step_index"],
        id=row["id"],
        title=row["title"],
        state=StepState(row["state"]),
        attempt=row["attempt"],
        run_id=row["run_id"],
        runner_id=row["runner_id"],
        incarnation=row["incarnation"],
        workspace_id=row["workspace_id"],
        start_time=time(row["start_time"]),
        end_time=time(row["end_time"]),
        summary=row["summary"],
        usage=usage(row["usage"]),
        checkpoint_commit=row["checkpoint_commit"],
        checkpoint_tree=row["checkpoint_tree"],
        version=row["version"],
    )
