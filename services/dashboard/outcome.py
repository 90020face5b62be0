"""What a job's page says first: how it stands, or what became of it."""

from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict

from pawl.cli.tables import duration
from pawl.client import Job, JobOutcome, JobState, Stage, StepState
from services.dashboard.links import Link, link
from services.dashboard.look import Look

PATCH = "patches/changes.patch"
"""The artifact with all that a job changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The banner."""

    look: str
    """Which colours it has: good, bad, busy, wait or still."""
    title: str
    text: str = ""
    remedy: str = ""
    reason: str = ""
    """For machines and for docs/failures.md."""
    step_index: int | None = None
    """The step at fault."""
    link: Link | None = None
    address: str = ""
    """Of what is no link that may be followed."""
    branch: str = ""
    commit: str = ""
    patch: str = ""
    duplicates: tuple[int, ...] = ()
    receipt: "Receipt | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a cancel did."""

    sentence: str
    signals: tuple[str, ...] = ()
    survivors: tuple[str, ...] = ()
    presumed: str = ""
    saved: bool = False
    """It is an artifact, too."""


def outcome(look: Look) -> Outcome:
    """What to say of the job."""
    job, standing = look.job, look.standing
    match job.state:
        case JobState.JOB_STATE_SUCCEEDED:
            return _succeeded(look)
        case JobState.JOB_STATE_FAILED | JobState.JOB_STATE_DEAD_LETTER:
            return _failed(job)
        case JobState.JOB_STATE_CANCELLED:
            return _cancelled(look)
        case _ if job.HasField("cancel_requested"):
            waits = standing.running.cancel_waits_for
            return Outcome(look="wait", title="Stopping", text=waits or standing.summary)
        case JobState.JOB_STATE_QUEUED:
            return Outcome(look="wait", title="Waiting", text=standing.summary)
        case _:
            return Outcome(look="busy", title=_doing(job), text=standing.summary)


def _succeeded(look: Look) -> Outcome:
    job = look.job
    match job.outcome:
        case JobOutcome.JOB_OUTCOME_PULL_REQUEST:
            found = link(job.pull_request_url)
            return Outcome(
                look="good",
                title="Pull request opened",
                link=found,
                address="" if found else job.pull_request_url,
                branch=job.working_branch,
                commit=job.published_commit,
                duplicates=tuple(job.duplicate_pull_requests),
            )
        case JobOutcome.JOB_OUTCOME_BRANCH:
            return Outcome(
                look="good",
                title="Branch pushed",
                branch=job.working_branch,
                commit=job.published_commit,
            )
        case JobOutcome.JOB_OUTCOME_NO_CHANGES:
            return Outcome(
                look="good",
                title="Nothing to publish",
                text="The steps left the repository as it was; nothing was pushed.",
            )
        case _:
            kept = {artifact.path for artifact in look.artifacts}
            return Outcome(
                look="good",
                title="Done",
                text="No publishing was asked for.",
                patch=PATCH if PATCH in kept else "",
            )


def _failed(job: Job) -> Outcome:
    failure = job.failure
    step = failure.step_index if failure.HasField("step_index") else None
    dead = job.state == JobState.JOB_STATE_DEAD_LETTER
    title = "Given up" if dead else "Failed" if step is None else f"Failed at step {step}"
    return Outcome(
        look="bad",
        title=title,
        text=failure.message,
        remedy=failure.remedy,
        reason=failure.reason,
        step_index=step,
        branch=job.working_branch if job.published_commit else "",
        commit=job.published_commit,
    )


def _cancelled(look: Look) -> Outcome:
    asked = look.job.cancel_requested
    why = f" “{asked.reason}”" if asked.reason else ""
    decided = MessageToDict(look.standing.ended.event.payload)
    return Outcome(
        look="still",
        title="Cancelled",
        text=f"Asked for by {asked.by or 'somebody'}.{why}",
        receipt=_receipt(decided.get("receipt"), look),
    )


def _receipt(told: Any, look: Look) -> Receipt | None:
    if not isinstance(told, dict):
        return None
    saved = any(artifact.path == "receipts/cancel.json" for artifact in look.artifacts)
    if not told.get("signalCount") and not told.get("beforeCount"):
        return Receipt(sentence="No process of the job was running.", saved=saved)
    before, after = int(told.get("beforeCount", 0)), int(told.get("afterCount", 0))
    were = "1 process was" if before == 1 else f"{before} processes were"
    left = "none is left" if not after else f"the last look found {after}"
    took = duration(float(told.get("seconds", 0)))
    return Receipt(
        sentence=f"{were} there; {left}, {took} later.",
        signals=tuple(
            f"{sent.get('signal', '')} to the {sent.get('target', '')}"
            for sent in told.get("signals") or []
        ),
        survivors=tuple(
            f"{one.get('name', '')} ({int(one.get('pid', 0))})"
            for one in told.get("survivors") or []
        ),
        presumed=str(told.get("presumed") or ""),
        saved=saved,
    )


def _doing(job: Job) -> str:
    if job.stage == Stage.STAGE_PREPARE:
        return "Preparing the workspace"
    if job.stage == Stage.STAGE_PUBLISH:
        return "Publishing"
    running = [step for step in job.steps if step.state == StepState.STEP_STATE_RUNNING]
    if not running:
        return "Running"
    step = running[0]
    # Steps count from 0 wherever Pawl names them.
    return f"Running step {step.step_index}: {step.title or step.id}"
