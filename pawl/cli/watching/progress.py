"""Where a followed job is, kept up to date by its events."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from pawl.client import (
    Activity,
    ActivityKind,
    Job,
    JobEvent,
    JobState,
    Stage,
    Step,
    StepState,
    Usage,
)

_WHOLE = (Stage.STAGE_PREPARE, Stage.STAGE_EXECUTE, Stage.STAGE_PUBLISH)

_STEPS = {
    "task.step.started": StepState.STEP_STATE_RUNNING,
    "task.step.finished": StepState.STEP_STATE_SUCCEEDED,
    "task.step.failed": StepState.STEP_STATE_FAILED,
    "task.step.cancelled": StepState.STEP_STATE_CANCELLED,
    "task.step.lost": StepState.STEP_STATE_LOST,
}
_STAGES = {
    "task.stage.started": StepState.STEP_STATE_RUNNING,
    "task.stage.finished": StepState.STEP_STATE_SUCCEEDED,
    "task.stage.failed": StepState.STEP_STATE_FAILED,
    "task.stage.cancelled": StepState.STEP_STATE_CANCELLED,
}
_JOBS = {
    "job.claimed": JobState.JOB_STATE_RUNNING,
    "job.requeued": JobState.JOB_STATE_QUEUED,
    "job.retried": JobState.JOB_STATE_QUEUED,
    "job.succeeded": JobState.JOB_STATE_SUCCEEDED,
    "job.failed": JobState.JOB_STATE_FAILED,
    "job.cancelled": JobState.JOB_STATE_CANCELLED,
    "job.deadLettered": JobState.JOB_STATE_DEAD_LETTER,
}


@dataclass(slots=True)
class StepProgress:
    """One step as far as it is known; times in seconds since the epoch."""

    index: int
    title: str
    state: StepState
    started: float | None = None
    ended: float | None = None

    def seconds(self, now: float) -> float | None:
        """How long it has run, or ran."""
        if self.started is None:
            return None
        return (now if self.ended is None else self.ended) - self.started


@dataclass(slots=True)
class Progress:
    """A job as it was when watching began, and what has happened since."""

    job_id: str
    state: JobState
    known: int
    """Events up to this one are in it already."""
    steps: list[StepProgress]
    stages: dict[Stage, StepState]
    activity: deque[Activity] = field(default_factory=lambda: deque(maxlen=6))
    usage: Usage | None = None

    @classmethod
    def of(cls, job: Job) -> "Progress":
        """From the job as the service tells it."""
        planned = tuple(job.plan.stages) or _WHOLE
        passed = planned.index(job.stage) if job.stage in planned else 0
        return cls(
            job_id=job.job_id,
            state=job.state,
            known=job.last_sequence,
            steps=[_step(step) for step in job.steps],
            stages={
                stage: StepState.STEP_STATE_SUCCEEDED
                if position < passed or job.state == JobState.JOB_STATE_SUCCEEDED
                else StepState.STEP_STATE_RUNNING
                if position == passed and job.stage
                else StepState.STEP_STATE_PENDING
                for position, stage in enumerate(planned)
            },
        )

    def take(self, event: JobEvent) -> None:
        """Brings it up to date; events from before the beginning change nothing."""
        if event.sequence <= self.known:
            return
        self.known = event.sequence
        self.state = _JOBS.get(event.type, self.state)
        if event.type == "job.retried":
            self._begin_again(int(event.payload.fields["fromStepIndex"].number_value))
        if event.type in _STAGES and event.stage:
            self.stages[event.stage] = _STAGES[event.type]
        if event.type in _STEPS and event.HasField("step_index"):
            for step in self._numbered(event.step_index):
                self._move(step, _STEPS[event.type], event.create_time.ToSeconds() or time.time())

    def _begin_again(self, first: int) -> None:
        """Another life of the job, from this step on."""
        self.stages = dict.fromkeys(self.stages, StepState.STEP_STATE_PENDING)
        for step in self.steps[first:]:
            step.state, step.started, step.ended = StepState.STEP_STATE_PENDING, None, None

    def act(self, activity: Activity) -> None:
        """Remembers the newest few things the agent did."""
        if activity.kind == ActivityKind.ACTIVITY_KIND_USAGE:
            self.usage = activity.usage
        elif activity.kind != ActivityKind.ACTIVITY_KIND_SESSION:
            self.activity.append(activity)

    def done(self) -> int:
        """How many steps succeeded."""
        return sum(step.state == StepState.STEP_STATE_SUCCEEDED for step in self.steps)

    def _numbered(self, index: int) -> Iterator[StepProgress]:
        return (step for step in self.steps if step.index == index)

    def _move(self, step: StepProgress, state: StepState, moment: float) -> None:
        step.state = state
        if state == StepState.STEP_STATE_RUNNING:
            step.started, step.ended = moment, None
            self.activity.clear()
            self.usage = None
        else:
            step.ended = moment


def _step(step: Step) -> StepProgress:
    return StepProgress(
        index=step.step_index,
        title=step.title or step.id,
        state=step.state,
        started=step.start_time.ToSeconds() if step.HasField("start_time") else None,
        ended=step.end_time.ToSeconds() if step.HasField("end_time") else None,
    )
