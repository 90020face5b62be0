"""The pieces of a job's page that are made anew as the job goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.json_format import MessageToDict

from pawl.cli.explain import ASKED, LOST, asked, facts, lost
from pawl.cli.tables import word
from pawl.client import TERMINAL, Artifact, Job, JobState, Plan, Step, StepState, Usage
from services.dashboard.consumed import consumed
from services.dashboard.jobs import friendly_state
from services.dashboard.look import Look
from services.dashboard.outcome import outcome
from services.dashboard.pages import moment, rendered

_LOOKS = {
    StepState.STEP_STATE_RUNNING: "busy",
    StepState.STEP_STATE_SUCCEEDED: "good",
    StepState.STEP_STATE_FAILED: "bad",
    StepState.STEP_STATE_LOST: "wait",
}
_UNTOLD = {"job", "state"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHead:
    """What the page shows of a step before it is opened."""

    number: int
    name: str
    state: str
    look: str
    attempt: int
    started: datetime | None
    ended: datetime | None
    summary: str
    usage: str
    where: str


def pieces(look: Look) -> dict[str, str]:
    """Each piece by the id of its place in the page."""
    made = {
        "state": rendered(
            "job_state.html", {"job": look.job, "friendly": friendly_state(look.job)}
        ),
        "outcome": rendered("job_outcome.html", {"job": look.job, "outcome": outcome(look)}),
        "actions": rendered("job_actions.html", {"job": look.job, **_actions(look.job)}),
        "standing": rendered("job_standing.html", _standing(look)),
        "facts": rendered("job_facts.html", {"facts": _facts(look.job, look.plan)}),
        "artifacts": rendered(
            "job_artifacts.html",
            {"job": look.job, "artifacts": [_artifact(one) for one in look.artifacts]},
        ),
    }
    for step in look.job.steps:
        name = f"step-{step.step_index}-head"
        made[name] = rendered("job_step.html", {"step": _head(step)})
    return made


def _head(step: Step) -> StepHead:
    return StepHead(
        number=step.step_index,
        name=step.title or step.id,
        state=word(StepState.Name(step.state), "STEP_STATE_"),
        look=_LOOKS.get(step.state, "still"),
        attempt=step.attempt,
        started=moment(step.start_time),
        ended=moment(step.end_time),
        summary=step.summary,
        usage=consumed(step.usage),
        where=" · ".join(part for part in (step.cli_version, step.runner_id[:8]) if part),
    )


def _actions(job: Job) -> dict[str, object]:
    ended = job.state in TERMINAL
    asked_to_stop = job.HasField("cancel_requested")
    done = (JobState.JOB_STATE_FAILED, JobState.JOB_STATE_DEAD_LETTER)
    return {
        "may_cancel": not ended and not asked_to_stop,
        "may_retry": job.state in done
        and not asked_to_stop
        and not job.HasField("checkpoints_removed_time"),
        "steps": _again(job),
    }


def _again(job: Job) -> list[tuple[str, str]]:
    """Where a retry may begin: behind the last checkpoint, or at a step that has one."""
    open_ones = (s.step_index for s in job.steps if s.state != StepState.STEP_STATE_SUCCEEDED)
    first = next(open_ones, len(job.steps))
    names = {s.step_index: f"step {s.step_index}: {s.title or s.id}" for s in job.steps}
    # Behind its last step there is what failed then: publishing.
    stopped = f"where it stopped, {names.get(first, 'behind its last step')}"
    return [("", stopped)] + [(str(index), names[index]) for index in range(first - 1, -1, -1)]


def _standing(look: Look) -> dict[str, object]:
    standing = look.standing
    told = [(name, value) for name, value in facts(standing) if value and name not in _UNTOLD]
    tables: list[tuple[str, Sequence[str], list[tuple[str, ...]]]] = [
        ("Runners", ASKED, [asked(one) for one in standing.waiting.runners]),
        ("What was lost", LOST, [lost(one) for one in standing.ended.losses]),
    ]
    return {
        "ended": look.job.state in TERMINAL,
        "waits": look.job.state == JobState.JOB_STATE_QUEUED,
        "facts": told,
        "holds": [hold.message for hold in standing.holds],
        "tables": [table for table in tables if table[2]],
    }


def _facts(job: Job, plan: Plan) -> list[tuple[str, str]]:
    task = MessageToDict(plan.task).get("task", {})
    runtime = task.get("runtime") or {}
    kind = (job.runtime, runtime.get("model"), runtime.get("effort"))
    told = [
        ("Repository", job.repository),
        ("Runtime", " · ".join(str(part) for part in kind if part)),
        ("Branch", job.working_branch),
        ("Base commit", job.base_commit[:12]),
        ("Publish", str((task.get("publish") or {}).get("mode", ""))),
        ("Attempt", str(job.attempt)),
        ("Labels", ", ".join(f"{name}={value}" for name, value in sorted(job.labels.items()))),
        ("Consumed", consumed(_total(job.steps))),
        ("Plan", plan.digest[:12]),
    ]
    return [(name, value) for name, value in told if value]


def _total(steps: Sequence[Step]) -> Usage:
    """What is known of all steps together; what no step told stays unknown."""
    total = Usage()
    for field in ("input_tokens", "cached_input_tokens", "output_tokens", "cost_usd"):
        known = [getattr(step.usage, field) for step in steps if step.usage.HasField(field)]
        if known:
            setattr(total, field, sum(known))
    return total


def _artifact(artifact: Artifact) -> dict[str, object]:
    return {
        "path": artifact.path,
        "size": size_text(artifact.size_bytes),
        "bytes": artifact.size_bytes,
        "sha256": artifact.sha256,
        "created": moment(artifact.create_time),
    }


def size_text(size: int) -> str:
    """Bytes as people say them."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
