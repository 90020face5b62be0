"""A followed job as plain lines, one per event."""

import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Self, TextIO

from pawl.cli import tables
from pawl.cli.text import line
from pawl.client import (
    TERMINAL,
    Activity,
    ActivityKind,
    Happening,
    Job,
    JobEvent,
    JobOutcome,
    JobState,
    OutputChunk,
)

UNTOLD = frozenset({ActivityKind.ACTIVITY_KIND_USAGE, ActivityKind.ACTIVITY_KIND_SESSION})
"""Kinds of activity that mean nothing to a person who watches."""


class PlainView:
    """``SEQUENCE TIME TYPE MESSAGE`` per event, ``-`` in the place of a sequence for activity."""

    def __init__(self, job: Job, stream: TextIO, *, output: bool) -> None:
        self._job_id = job.job_id
        self._titles = {step.step_index: step.title or step.id for step in job.steps}
        # The CLI's bytes have standard output for themselves.
        self._stream = sys.stderr if output else stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def show(self, happened: Happening) -> None:
        """One line, or raw bytes."""
        if isinstance(happened, OutputChunk):
            sys.stdout.buffer.write(happened.data)
            sys.stdout.buffer.flush()
        elif isinstance(happened, JobEvent):
            self._write(
                str(happened.sequence),
                tables.moment(happened.create_time),
                happened.type,
                self._step(happened.step_index) if happened.HasField("step_index") else "",
                happened.message,
            )
        elif happened.kind not in UNTOLD:
            self._write(
                "-",
                tables.moment(happened.create_time),
                tables.word(ActivityKind.Name(happened.kind), "ACTIVITY_KIND_"),
                self._step(happened.step_index),
                activity_text(happened),
            )

    def end(self, job: Job) -> None:
        """How the job ended, and what to do next."""
        for sentence in ending(job):
            self._stream.write(f"{sentence}\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to undo."""

    def _step(self, index: int) -> str:
        title = self._titles.get(index, "")
        return f"step {index}" + (f" ({title})" if title else "")

    def _write(self, *parts: str) -> None:
        self._stream.write("  ".join(line(part) for part in parts if part) + "\n")
        self._stream.flush()


def activity_text(activity: Activity) -> str:
    """What an activity says, with its path and the class of its error."""
    parts = (activity.error_class, activity.path, activity.text)
    return ": ".join(part for part in parts if part)


def ending(job: Job) -> Iterator[str]:
    """Lines that tell a person how a job ended; safe to print."""
    if job.state not in TERMINAL:
        return
    state = tables.word(JobState.Name(job.state), "JOB_STATE_")
    outcome = tables.word(JobOutcome.Name(job.outcome), "JOB_OUTCOME_")
    took = tables.span(job.start_time, job.end_time)
    more = ", ".join(part for part in (outcome if outcome != state else "", took) if part)
    yield f"{state}: {more}" if more else state
    if job.published_commit:
        yield f"branch {line(job.working_branch)} is at {line(job.published_commit)}"
    if job.pull_request_url:
        yield f"pull request {line(job.pull_request_url)}"
    if job.HasField("failure"):
        failure = job.failure
        at = f" at step {failure.step_index}" if failure.HasField("step_index") else ""
        yield f"{line(failure.reason)}{at}: {line(failure.message)}"
        if failure.remedy:
            yield f"what to do: {line(failure.remedy)}"
    yield f"what it leaves behind: pawl artifacts {line(job.job_id)}"
