"""What the runner tells, as messages."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from pawl.v1 import job_pb2
from pawl.v1 import runner_pb2 as pb
from services.runner.frames import Acted, Ended, Output, Record, Started
from services.runner.position import Position
from services.runner.values import (
    Activity,
    ActivityKind,
    Failure,
    Finished,
    Outcome,
    ProcessSeen,
    Receipt,
    RunName,
    Stream,
    Usage,
)
from services.runner.workspace.snapshot import Snapshot
from services.runner.workspace.workspaces import Workspace

OUTCOMES = {
    Outcome.SUCCEEDED: pb.RUN_OUTCOME_SUCCEEDED,
    Outcome.FAILED: pb.RUN_OUTCOME_FAILED,
    Outcome.CANCELLED: pb.RUN_OUTCOME_CANCELLED,
    Outcome.LOST: pb.RUN_OUTCOME_LOST,
}
STREAMS = {
    Stream.STDOUT: job_pb2.OUTPUT_STREAM_STDOUT,
    Stream.STDERR: job_pb2.OUTPUT_STREAM_STDERR,
}
KINDS = {kind: f"ACTIVITY_KIND_{kind.name}" for kind in ActivityKind}


def ready(made: Workspace, *, reused: bool) -> pb.PrepareWorkspaceResponse:
    """Returns the last message of a preparation."""
    skills = [
        pb.PlacedSkill(skill_id=skill_id, source=source) for skill_id, source in made.record.sources
    ]
    return pb.PrepareWorkspaceResponse(ready=pb.WorkspaceReady(reused=reused, skills=skills))


def started(begun: Started, *, runner_id: str, incarnation: str) -> pb.RunResponse:
    """Returns the first message of an attachment."""
    return pb.RunResponse(
        started=pb.RunStarted(
            argv=map(_text, begun.argv),
            version=begun.version,
            start_time=_time(begun.time),
            runner_id=runner_id,
            incarnation=incarnation,
        )
    )


def record(said: Record, name: RunName, position: Position) -> pb.RunResponse:
    """Returns one record as a message; `position` is the end of the journal."""
    match said:
        case Output():
            output = pb.RunOutput(
                stream=STREAMS[said.stream],
                offset=said.offset,
                data=said.data,
                create_time=_time(said.time),
            )
            return pb.RunResponse(output=output)
        case Acted():
            return pb.RunResponse(activity=_activity(said, name))
        case Ended():
            return pb.RunResponse(finished=_finished(said.finished, position))
        case Started():
            raise ValueError("the first record is told by `started`")


def heartbeat(now: datetime) -> pb.RunResponse:
    """Returns the message that fills a silence."""
    return pb.RunResponse(heartbeat=pb.RunHeartbeat(time=_time(now)))


def receipt(value: Receipt) -> job_pb2.StopReceipt:
    """Returns a receipt as a message."""
    return job_pb2.StopReceipt(
        signals=[
            job_pb2.SentSignal(
                name=sent.name, target=sent.target, pid=sent.pid, time=_time(sent.time)
            )
            for sent in value.signals
        ],
        signal_count=value.signal_count,
        before=_processes(value.before),
        before_count=value.before_count,
        after=_processes(value.after),
        after_count=value.after_count,
        survivors=_processes(value.survivors),
        exit_code=value.end.code if value.end else None,
        exit_signal=value.end.signal if value.end else None,
        duration=_duration(value.duration),
    )


def summary(taken: Snapshot) -> pb.CheckpointResponse:
    """Returns the first message of a checkpoint."""
    pack, left = taken.pack, taken.left_pack
    return pb.CheckpointResponse(
        summary=pb.CheckpointSummary(
            tree=taken.tree,
            pack_size=pack.size if pack else 0,
            pack_sha256=pack.sha256 if pack else "",
            dropped=map(_text, taken.dropped),
            nested=map(_text, taken.nested),
            left=[
                pb.LeftInGit(ref=_text(one.ref), commit=one.commit, subject=_text(one.subject))
                for one in taken.left
            ],
            left_size=left.size if left else 0,
            left_sha256=left.sha256 if left else "",
        )
    )


def _activity(said: Acted, name: RunName) -> job_pb2.Activity:
    activity: Activity = said.activity
    return job_pb2.Activity(
        step_index=name.step_index,
        attempt=name.attempt,
        index=said.index,
        create_time=_time(said.time),
        kind=KINDS[activity.kind],
        text=_text(activity.text),
        path=_text(activity.path),
        usage=_usage(activity.usage),
        error_class=activity.error_class or "",
        reset_time=_time(activity.reset_time) if activity.reset_time else None,
    )


def _finished(value: Finished, position: Position) -> pb.RunFinished:
    end = value.end
    return pb.RunFinished(
        outcome=OUTCOMES[value.outcome],
        exit_code=end.code if end else None,
        signal=end.signal if end else None,
        failure=_failure(value.failure),
        duration=_duration(value.duration),
        usage=_usage(value.usage),
        final_message=_text(value.final_message),
        receipt=receipt(value.receipt) if value.receipt else None,
        reset_time=_time(value.reset_time) if value.reset_time else None,
        stdout_bytes=position.stdout,
        stderr_bytes=position.stderr,
        activity_count=position.activities,
    )


def _failure(value: Failure | None) -> job_pb2.Failure | None:
    if value is None:
        return None
    return job_pb2.Failure(
        reason=value.reason, message=_text(value.message), remedy=_text(value.remedy)
    )


def _usage(value: Usage | None) -> job_pb2.Usage | None:
    if value is None:
        return None
    return job_pb2.Usage(
        input_tokens=value.input_tokens,
        cached_input_tokens=value.cached_input_tokens,
        output_tokens=value.output_tokens,
        reasoning_tokens=value.reasoning_tokens,
        cost_usd=value.cost_usd,
    )


def _processes(seen: Sequence[ProcessSeen]) -> list[job_pb2.ProcessSeen]:
    return [
        job_pb2.ProcessSeen(pid=process.pid, name=process.name, found_by=process.ways)
        for process in seen
    ]


def _text(value: str) -> str:
    """Returns `value` as UTF-8 can hold it: a lone surrogate would break the whole message."""
    return value.encode("utf-8", "replace").decode()


def _time(value: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(value)
    return message


def _duration(value: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(value)
    return message
