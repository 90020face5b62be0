"""What an agent does, as watchers see it live."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

from services.orchestrator.jobs.job import Usage


class ActivityKind(StrEnum):
    """What kind of thing an agent did; the words of the runner's protocol."""

    UNSPECIFIED = auto()
    MESSAGE = auto()
    REASONING = auto()
    TOOL_CALL = auto()
    TOOL_RESULT = auto()
    FILE_CHANGE = auto()
    USAGE = auto()
    SESSION = auto()
    NOTICE = auto()
    ERROR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing an agent did; never stored as an event."""

    step_index: int
    attempt: int
    index: int
    """From 0 per run, without gaps."""
    create_time: datetime
    kind: ActivityKind
    text: str
    path: str
    usage: Usage | None = None
    error_class: str = ""
    reset_time: datetime | None = None
