"""The closed list of reasons a job can fail for.

Each reason has its section in ``docs/failures.md``: what happened, whose fault it is, what to do.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a job failed; the value is the spelling on the wire, in tables, in pages."""

    REPO_URL_DENIED = "REPO_URL_DENIED"
    REPO_UNREACHABLE = "REPO_UNREACHABLE"
    REPO_AUTH = "REPO_AUTH"
    REPO_NOT_FOUND = "REPO_NOT_FOUND"
    REPO_TOO_LARGE = "REPO_TOO_LARGE"
    BRANCH_NOT_FOUND = "BRANCH_NOT_FOUND"
    SKILL_NOT_FOUND = "SKILL_NOT_FOUND"
    QUEUE_EXPIRED = "QUEUE_EXPIRED"
    AGENT_UNAVAILABLE = "AGENT_UNAVAILABLE"
    AGENT_AUTH = "AGENT_AUTH"
    AGENT_RATE_LIMITED = "AGENT_RATE_LIMITED"
    AGENT_EXIT = "AGENT_EXIT"
    AGENT_SIGNALLED = "AGENT_SIGNALLED"
    AGENT_REFUSED = "AGENT_REFUSED"
    AGENT_INCOMPLETE = "AGENT_INCOMPLETE"
    """Exit code 0, and no result was seen."""
    AGENT_OOM = "AGENT_OOM"
    AGENT_TIMEOUT = "AGENT_TIMEOUT"
    AGENT_SILENT = "AGENT_SILENT"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    WORKSPACE_LIMIT_FILES = "WORKSPACE_LIMIT_FILES"
    WORKSPACE_LIMIT_BYTES = "WORKSPACE_LIMIT_BYTES"
    CONTAINER_FAILED = "CONTAINER_FAILED"
    RESULT_REJECTED = "RESULT_REJECTED"
    RESULT_CORRUPT = "RESULT_CORRUPT"
    RUNNER_LOST = "RUNNER_LOST"
    RUNNER_UNAVAILABLE = "RUNNER_UNAVAILABLE"
    SECRET_DETECTED = "SECRET_DETECTED"  # noqa: S105 - the name of a reason
    PUBLISH_CONFLICT = "PUBLISH_CONFLICT"
    PUBLISH_AUTH = "PUBLISH_AUTH"
    PUBLISH_REJECTED = "PUBLISH_REJECTED"
    PUBLISH_UNAVAILABLE = "PUBLISH_UNAVAILABLE"
    STORAGE_FULL = "STORAGE_FULL"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    POISONED = "POISONED"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, for a person."""

    reason: Reason
    message: str
    """What happened, naming the thing it happened to; never holds a secret."""
    remedy: str
    """What the reader can do about it."""
    step_index: int | None = None
    """The step it happened in; None where it was no step's doing."""


class JobFailed(Exception):
    """The job cannot go on: an outcome, carried up to where outcomes are recorded."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.reason}: {failure.message}")
        self.failure = failure


def failed(reason: Reason, message: str, remedy: str) -> JobFailed:
    """What to raise when a job cannot go on for `reason`."""
    return JobFailed(Failure(reason, message, remedy))
