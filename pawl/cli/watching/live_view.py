"""A followed job on a terminal: events scroll by above a picture of the whole."""

import codecs
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pawl.cli import tables
from pawl.cli.text import line
from pawl.cli.watching.plain_view import activity_text, ending
from pawl.cli.watching.progress import Progress
from pawl.client import (
    TERMINAL,
    Activity,
    ActivityKind,
    Happening,
    Job,
    JobEvent,
    JobState,
    OutputChunk,
    Stage,
    StepState,
)

_MARKS = {
    StepState.STEP_STATE_RUNNING: ("▶", "cyan"),
    StepState.STEP_STATE_SUCCEEDED: ("✓", "green"),
    StepState.STEP_STATE_FAILED: ("✗", "red"),
    StepState.STEP_STATE_CANCELLED: ("■", "yellow"),
    StepState.STEP_STATE_LOST: ("?", "yellow"),
}
_PENDING = ("·", "dim")

_LONGEST = 8192
"""Bytes of an output line without an end after which it is shown all the same."""


class LiveView:
    """Redraws four times a second, so that what runs is seen to run."""

    def __init__(self, job: Job, stream: TextIO) -> None:
        self._progress = Progress.of(job)
        self._output: dict[tuple[int, int, int], _Lines] = {}
        # The picture is drawn by a thread of rich's.
        self._lock = threading.Lock()
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def show(self, happened: Happening) -> None:
        """Scrolls an event or output by, and updates the picture."""
        with self._lock:
            if isinstance(happened, JobEvent):
                self._progress.take(happened)
            elif isinstance(happened, Activity):
                self._progress.act(happened)
        if isinstance(happened, JobEvent):
            self._console.print(_event(happened))
        elif isinstance(happened, OutputChunk):
            for text in self._lines(happened):
                self._console.print(Text(f"  {happened.step_index} │ {text}", style="dim"))

    def end(self, job: Job) -> None:
        """Replaces the picture by how the job ended."""
        self.close()
        for sentence in ending(job):
            self._console.print(Text(sentence))

    def close(self) -> None:
        """Removes the picture; may be called again."""
        self._live.stop()

    def _lines(self, chunk: OutputChunk) -> Iterator[str]:
        key = (chunk.step_index, chunk.attempt, chunk.stream)
        return self._output.setdefault(key, _Lines()).take(chunk.data)

    def _draw(self) -> RenderableType:
        with self._lock:
            return Group(*self._parts(time.time()))

    def _parts(self, now: float) -> Iterator[RenderableType]:
        progress = self._progress
        yield Text()
        yield _stages(progress)
        yield _steps(progress, now)
        for activity in progress.activity:
            kind = tables.word(ActivityKind.Name(activity.kind), "ACTIVITY_KIND_")
            text = f"    {kind}: {line(activity_text(activity), 400)}"
            yield Text(text, style="dim", no_wrap=True, overflow="ellipsis")
        yield _bar(progress)


class _Lines:
    """Cuts the bytes of one stream into lines that are safe to print."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def take(self, data: bytes) -> Iterator[str]:
        *whole, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        if len(self._rest) > _LONGEST:
            whole.append(self._rest)
            self._rest = ""
        return map(line, whole)


def _event(event: JobEvent) -> Text:
    at = f"step {event.step_index}" if event.HasField("step_index") else ""
    text = Text(f"{event.sequence:>4}  ", style="dim")
    text.append(line(event.type), style="bold")
    text.append("".join(f"  {line(part)}" for part in (at, event.message) if part), style="none")
    return text


def _stages(progress: Progress) -> Text:
    text = Text(f"{line(progress.job_id)}  ", style="bold")
    text.append(tables.word(JobState.Name(progress.state), "JOB_STATE_"), style="cyan")
    for stage, state in progress.stages.items():
        mark, style = _MARKS.get(state, _PENDING)
        text.append(f"  {mark} {tables.word(Stage.Name(stage), 'STAGE_')}", style=style)
    return text


def _steps(progress: Progress, now: float) -> Table:
    table = Table.grid(padding=(0, 1))
    for step in progress.steps:
        mark, style = _MARKS.get(step.state, _PENDING)
        seconds = step.seconds(now)
        took = "" if seconds is None else tables.duration(seconds)
        table.add_row(
            Text(f"  {mark}", style=style),
            Text(str(step.index), style="dim"),
            Text(line(step.title, 80), no_wrap=True, overflow="ellipsis"),
            Text(took, style="dim"),
        )
    return table


def _bar(progress: Progress) -> Table:
    total = max(1, len(progress.steps))
    # A job that runs pulses while its first step is not done.
    running = progress.state not in TERMINAL and progress.state != JobState.JOB_STATE_QUEUED
    bar = ProgressBar(
        total=total, completed=progress.done(), width=30, pulse=running and not progress.done()
    )
    words = f"{progress.done()} of {len(progress.steps)} steps"
    if progress.usage is not None:
        words += f", {progress.usage.input_tokens} tokens in, {progress.usage.output_tokens} out"
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(" "), bar, Text(words, style="dim"))
    return grid
