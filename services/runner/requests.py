"""What callers ask for: messages read into values, refused once for all that is wrong."""

import re
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from pawl.v1 import runner_pb2 as pb
from pawl.wire.errors import InvalidArgument, Violation
from services.runner import moments
from services.runner.moments import Moment
from services.runner.position import Position
from services.runner.tenancy import Request
from services.runner.values import Limits, RunName, RunSpec, WorkspaceId, job_of
from services.runner.workspace.record import Opening

_KEY = re.compile(r"[0-9a-f]{1,64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BRANCH = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]{0,254}")
_SKILL = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

LONGEST = timedelta(hours=24)
LARGEST_PROMPT = 1024 * 1024


class Fields:
    """Collects what is wrong with a request, to refuse it once for all of it."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def require(self, holds: object, field: str, reason: str, description: str) -> None:
        """Notes a violation where something does not hold."""
        if not holds:
            self.violations.append(Violation(field, reason, description))

    def refuse(self) -> None:
        """Raises InvalidArgument where anything was noted."""
        if self.violations:
            raise InvalidArgument(self.violations)


def run_name(run_id: str, epoch: int) -> RunName:
    """Returns the parts of a run id. Raises InvalidArgument, for the epoch as well."""
    fields = Fields()
    name = _run_name(fields, run_id)
    _epoch(fields, epoch)
    fields.refuse()
    return name


def moment(token: str) -> Moment | None:
    """Returns the moment a caller echoes; None for no token. Raises InvalidArgument."""
    found = moments.told(token)
    fields = Fields()
    fields.require(
        not token or found is not None, "token", "FORM", "has to be one of this service's"
    )
    fields.refuse()
    return found


def workspace(workspace_id: str, epoch: int) -> tuple[WorkspaceId, str]:
    """Returns a workspace's id and its job's. Raises InvalidArgument, for the epoch as well."""
    fields = Fields()
    job_id = _job(fields, "workspace_id", workspace_id)
    _epoch(fields, epoch)
    fields.refuse()
    return WorkspaceId(workspace_id), job_id


def run_request(
    message: pb.RunRequest,
) -> tuple[RunName, WorkspaceId, RunSpec | None, Position]:
    """Returns what a caller of `Run` names. Raises InvalidArgument with every violation.

    The spec is None where only an attachment is asked for and none was sent.
    """
    fields = Fields()
    name = _run_name(fields, message.run_id)
    _epoch(fields, message.epoch)
    spec = None
    if not message.attach_only or message.HasField("spec"):
        job_id = _job(fields, "workspace_id", message.workspace_id)
        same = not job_id or job_id == name.job_id
        fields.require(same, "workspace_id", "OTHER_JOB", "has to be of the run's own job")
        spec = _spec(fields, message.spec)
    for field in ("stdout_offset", "stderr_offset", "activity_index"):
        fields.require(getattr(message, field) >= 0, field, "RANGE", "has to be 0 or more")
    fields.refuse()
    position = Position(message.stdout_offset, message.stderr_offset, message.activity_index)
    return name, WorkspaceId(message.workspace_id), spec, position


def opening(message: pb.WorkspaceOpen) -> Request:
    """Returns the workspace asked for. Raises InvalidArgument with every violation."""
    fields = Fields()
    job_id = _job(fields, "open.workspace_id", message.workspace_id)
    _epoch(fields, message.epoch, "open.epoch")
    _form(fields, "open.repository_key", _KEY, message.repository_key, "hex, at most 64")
    _form(fields, "open.base_commit", _COMMIT, message.base_commit, "40 lower-case hex")
    _form(fields, "open.files_commit", _COMMIT, message.files_commit, "40 lower-case hex")
    _form(fields, "open.working_branch", _BRANCH, message.working_branch, "a branch's name")
    for skill_id in message.skill_ids:
        _form(fields, "open.skill_ids", _SKILL, skill_id, "[a-z0-9][a-z0-9._-]{0,63}")
    fields.refuse()
    return Request(
        opening=Opening(
            workspace_id=WorkspaceId(message.workspace_id),
            repository_key=message.repository_key,
            base_commit=message.base_commit,
            files_commit=message.files_commit,
            working_branch=message.working_branch,
            skill_ids=tuple(message.skill_ids),
        ),
        job_id=job_id,
        epoch=message.epoch,
    )


def _run_name(fields: Fields, run_id: str) -> RunName:
    name = RunName.parse(run_id)
    fields.require(name, "run_id", "FORM", "has to be <job_id>/<attempt>/<step_index>")
    return name or RunName("", 0, 0)


def _job(fields: Fields, field: str, workspace_id: str) -> str:
    job_id = job_of(workspace_id)
    fields.require(job_id, field, "FORM", "has to be <job_id>/<n>")
    return job_id or ""


def _epoch(fields: Fields, epoch: int, field: str = "epoch") -> None:
    fields.require(epoch >= 1, field, "RANGE", "has to be the caller's claim, from 1")


def _form(fields: Fields, field: str, pattern: re.Pattern[str], value: str, form: str) -> None:
    fields.require(pattern.fullmatch(value), field, "FORM", f"has to be {form}")


def _spec(fields: Fields, message: pb.RunSpec) -> RunSpec:
    fields.require(message.runtime, "spec.runtime", "REQUIRED", "has to name a runtime")
    fields.require(message.prompt, "spec.prompt", "REQUIRED", "has to be what the CLI is asked")
    short = len(message.prompt.encode()) <= LARGEST_PROMPT
    fields.require(short, "spec.prompt", "SIZE", "has at most 1 MiB")
    positive = message.max_output_bytes > 0
    fields.require(positive, "spec.max_output_bytes", "RANGE", "has to be positive")
    return RunSpec(
        runtime=message.runtime,
        model=message.model or None,
        effort=message.effort or None,
        prompt=message.prompt,
        limits=Limits(
            step_timeout=_limit(fields, "spec.step_timeout", message.step_timeout),
            silence=_limit(fields, "spec.silence", message.silence),
            max_output_bytes=message.max_output_bytes,
        ),
    )


def _limit(fields: Fields, field: str, message: Duration) -> timedelta:
    # Compared in seconds first: a duration may lie outside of what a timedelta holds.
    seconds = message.seconds + message.nanos / 1e9
    holds = 0 < seconds <= LONGEST.total_seconds()
    fields.require(holds, field, "RANGE", "has to be positive, at most 24 h")
    return timedelta(seconds=seconds) if holds else LONGEST
