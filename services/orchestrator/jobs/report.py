"""What a published result tells its readers about the job that made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.orchestrator.jobs.job import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One step as its reviewers hear of it."""

    index: int
    id: str
    title: str
    skill: str
    attempt: int
    duration: timedelta | None
    """Of the attempt that succeeded."""
    usage: Usage | None
    summary: str
    """What the agent said last: hostile text."""
    version: str
    """Of the CLI; empty where it was not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One changed path; None for a file whose lines are not counted, such as a picture."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a commit message and a pull request are made of."""

    job_id: str
    digest: str
    repository: str
    runtime: str
    model: str | None
    objective: str
    base_branch: str
    base_commit: str
    steps: Sequence[StepReport]
    changes: Sequence[FileChange]
    """The first of them, by path."""
    changed_files: int
    """All of them."""
    cautions: Sequence[str] = ()
    """What a reviewer should look at first, in sentences of Pawl's own."""
    commit_message: str | None = None
    """The task's own, and so the next two."""
    title: str | None = None
    body: str | None = None
