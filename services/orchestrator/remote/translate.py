"""Between the words of drivers and the messages of the runner's protocol."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from google.protobuf import timestamp_pb2

from pawl.storage import Storage
from pawl.v1 import job_pb2, runner_pb2
from pawl.wire.errors import Refusal
from pawl.wire.storage import from_message
from services.orchestrator.drive.ports import (
    Alive,
    Finished,
    Message,
    Output,
    RunOrder,
    RunOutcome,
    Started,
    WorkspaceOrder,
)
from services.orchestrator.jobs.activity import Activity, ActivityKind
from services.orchestrator.jobs.failures import Failure, Reason
from services.orchestrator.jobs.job import Stream, Usage
from services.orchestrator.jobs.receipts import Receipt
from services.orchestrator.jobs.runners import RunnerDescription, RuntimeCard

STREAMS = {
    job_pb2.OUTPUT_STREAM_STDOUT: Stream.STDOUT,
    job_pb2.OUTPUT_STREAM_STDERR: Stream.STDERR,
}
OUTCOMES = {
    runner_pb2.RUN_OUTCOME_SUCCEEDED: RunOutcome.SUCCEEDED,
    runner_pb2.RUN_OUTCOME_FAILED: RunOutcome.FAILED,
    runner_pb2.RUN_OUTCOME_CANCELLED: RunOutcome.CANCELLED,
    runner_pb2.RUN_OUTCOME_LOST: RunOutcome.LOST,
}
REASONS = {reason.value: reason for reason in Reason}
SIGNALS = 200
"""How many entries of a receipt are kept."""


def workspace_open(order: WorkspaceOrder) -> runner_pb2.PrepareWorkspaceRequest:
    """The first message of a preparation."""
    return runner_pb2.PrepareWorkspaceRequest(
        open=runner_pb2.WorkspaceOpen(
            workspace_id=order.workspace_id,
            epoch=order.epoch,
            repository_key=order.repository_key,
            base_commit=order.base_commit,
            files_commit=order.files_commit,
            working_branch=order.working_branch,
            skill_ids=order.skill_ids,
        )
    )


def run_request(
    order: RunOrder,
    *,
    attach_only: bool,
    positions: dict[Stream, int],
    activity_index: int,
    token: str,
) -> runner_pb2.RunRequest:
    """Starts the run or attaches to it behind what is stored already."""
    spec = runner_pb2.RunSpec(
        runtime=order.runtime,
        model=order.model or "",
        effort=order.effort or "",
        prompt=order.prompt,
        max_output_bytes=order.max_output_bytes,
    )
    spec.step_timeout.FromTimedelta(order.step_timeout)
    spec.silence.FromTimedelta(order.silence)
    return runner_pb2.RunRequest(
        run_id=order.run_id,
        epoch=order.epoch,
        workspace_id=order.workspace_id,
        spec=spec,
        attach_only=attach_only,
        stdout_offset=positions.get(Stream.STDOUT, 0),
        stderr_offset=positions.get(Stream.STDERR, 0),
        activity_index=activity_index,
        token=token,
    )


def description(said: runner_pb2.DescribeRunnerResponse) -> RunnerDescription:
    """What a runner says of itself."""
    return RunnerDescription(
        runner_id=said.runner_id,
        incarnation=said.incarnation,
        capabilities=tuple(said.capabilities),
        runtimes=tuple(
            RuntimeCard(
                name=card.name,
                available=card.available,
                version=card.version,
                reason=card.reason,
            )
            for card in said.runtimes
        ),
        slots=said.slots,
        free_slots=said.free_slots,
        isolation=said.isolation,
        draining=said.draining,
        workspace_ids=tuple(said.workspace_ids),
        token=said.token,
        draining_reason=said.draining_reason,
        storage=_storage(said),
    )


def _storage(said: runner_pb2.DescribeRunnerResponse) -> Storage | None:
    """What it keeps; None for a runner that does not tell, or tells of no time there is."""
    if not said.HasField("storage"):
        return None
    try:
        return from_message(said.storage)
    except (ValueError, OverflowError):
        return None


def step_of(run_id: str) -> tuple[int, int]:
    """Step index and attempt of a run id of ours."""
    _, attempt, step_index = run_id.rsplit("/", 2)
    return int(step_index), int(attempt)


def message(response: runner_pb2.RunResponse, *, step_index: int, attempt: int) -> Message:
    """What a runner said; which step it speaks of is our word, not the runner's."""
    match response.WhichOneof("kind"):
        case "started":
            said = response.started
            return Started(
                argv=tuple(said.argv),
                version=said.version,
                runner_id=said.runner_id,
                incarnation=said.incarnation,
            )
        case "output":
            return Output(
                stream=STREAMS.get(response.output.stream, Stream.STDERR),
                offset=response.output.offset,
                data=response.output.data,
            )
        case "activity":
            return _activity(response.activity, step_index=step_index, attempt=attempt)
        case "finished":
            return _finished(response.finished)
        case _:
            return Alive()


def receipt(said: job_pb2.StopReceipt) -> Receipt:
    """What was done to stop a run."""
    return Receipt(
        signals=tuple(
            {
                "signal": one.name,
                "target": one.target,
                "pid": one.pid,
                "time": _time(one.time).isoformat(),
            }
            for one in said.signals[:SIGNALS]
        ),
        signal_count=max(said.signal_count, len(said.signals)),
        before=_processes(said.before),
        before_count=max(said.before_count, len(said.before)),
        after=_processes(said.after),
        after_count=max(said.after_count, len(said.after)),
        survivors=_processes(said.survivors),
        exit_code=said.exit_code if said.HasField("exit_code") else None,
        exit_signal=said.exit_signal if said.HasField("exit_signal") else None,
        seconds=said.duration.ToTimedelta().total_seconds(),
    )


def _processes(seen: Sequence[job_pb2.ProcessSeen]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"pid": one.pid, "name": one.name, "foundBy": list(one.found_by)} for one in seen[:SIGNALS]
    )


def failure_of(said: Refusal) -> Failure:
    """Why a job fails when a runner can never do what it was asked for."""
    reason = REASONS.get(said.reason)
    if reason is Reason.SKILL_NOT_FOUND:
        return Failure(
            reason,
            said.message,
            "Correct the skill's id, commit it below .agents/skills of the repository, or put it "
            "into the orchestrator's PAWL_SKILLS_DIR.",
        )
    if said.reason == "RUNTIME_UNAVAILABLE":
        return Failure(
            Reason.AGENT_UNAVAILABLE, said.message, "Install the CLI where the runner finds it."
        )
    if said.reason == "PACK_CORRUPT":
        return Failure(Reason.RESULT_CORRUPT, said.message, "Submit the task again.")
    if reason is not None:
        return Failure(reason, said.message, "See docs/failures.md for this reason.")
    return Failure(
        Reason.INTERNAL,
        f"the runner refused: {said.reason}: {said.message}",
        "Look at the runner's log; this is a defect.",
    )


def _activity(said: job_pb2.Activity, *, step_index: int, attempt: int) -> Activity:
    name = job_pb2.ActivityKind.Name(said.kind) if said.kind in _KINDS else ""
    return Activity(
        step_index=step_index,
        attempt=attempt,
        index=said.index,
        create_time=_time(said.create_time),
        kind=ActivityKind(name.removeprefix("ACTIVITY_KIND_").lower() or "unspecified"),
        text=said.text,
        path=said.path,
        usage=usage(said.usage) if said.HasField("usage") else None,
        error_class=said.error_class,
        reset_time=_time(said.reset_time) if said.HasField("reset_time") else None,
    )


_KINDS = frozenset(job_pb2.ActivityKind.values())


def _finished(said: runner_pb2.RunFinished) -> Finished:
    return Finished(
        outcome=OUTCOMES.get(said.outcome, RunOutcome.LOST),
        exit_code=said.exit_code if said.HasField("exit_code") else None,
        signal=said.signal if said.HasField("signal") else None,
        failure=_failure(said.failure) if said.HasField("failure") else None,
        duration=said.duration.ToTimedelta(),
        usage=usage(said.usage) if said.HasField("usage") else None,
        final_message=said.final_message,
        receipt=receipt(said.receipt) if said.HasField("receipt") else None,
        reset_time=_time(said.reset_time) if said.HasField("reset_time") else None,
    )


def _failure(said: job_pb2.Failure) -> Failure:
    return Failure(
        REASONS.get(said.reason, Reason.INTERNAL),
        said.message,
        said.remedy or "See the step's log.",
    )


def usage(said: job_pb2.Usage) -> Usage:
    """What is known of it."""
    known = {one.name: getattr(said, one.name) for one in fields(Usage) if said.HasField(one.name)}
    return Usage(**known)


def _time(stamp: timestamp_pb2.Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
