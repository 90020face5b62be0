"""What a job that is RUNNING does, whether it lives, and what it waits for."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.orchestrator.jobs.explanation import Running, StandingReason, moment, span
from services.orchestrator.jobs.job import Step, StepState
from services.orchestrator.jobs.plan import Stage
from services.orchestrator.jobs.retries import Retry, after_loss
from services.orchestrator.jobs.runners import KnownRunner
from services.orchestrator.jobs.standing import Standing

SILENT = timedelta(minutes=1)
SILENT_SHARE = 4
"""A step is called silent after a minute, or this part of its limit where that is less."""


def running(standing: Standing, known: Sequence[KnownRunner], *, here: str) -> Running:
    """What there is to tell; `here` is the owner that this process claims as."""
    job, step = standing.job, _step(standing)
    limit = job.plan.limits.silence if job.plan else timedelta()
    heard = _heard(standing, step)
    expired = standing.lease_expired
    reachable = any(
        one.reachable and one.description is not None and one.description.runner_id == job.runner_id
        for one in known
    )
    return Running(
        stage=job.stage,
        step_index=step.index if step else None,
        run_id=step.run_id if step else "",
        runner_id=job.runner_id,
        runner_reachable=reachable,
        heard_time=heard,
        silent_for=max(standing.now - heard, timedelta()),
        silence_limit=limit,
        owner=standing.owner,
        owned_here=bool(here) and standing.owner == here,
        lease_until=standing.lease_until,
        lease_expired=expired,
        cancel_waits_for=_cancel_waits_for(standing, step, expired=expired, reachable=reachable),
        back_off_until=None if expired else _back_off_until(standing, step),
    )


def reason_of(standing: Standing, about: Running) -> StandingReason:
    """What matters most about it."""
    if about.lease_expired:
        return StandingReason.OWNER_LOST
    if standing.job.cancel_requested is not None:
        return StandingReason.CANCELLING
    if about.back_off_until is not None:
        return StandingReason.BACKING_OFF
    step = _step(standing)
    patience = min(SILENT, about.silence_limit / SILENT_SHARE)
    if step is not None and step.state is StepState.RUNNING and about.silent_for >= patience:
        return StandingReason.SILENT
    return StandingReason.WORKING


def sentence(standing: Standing, about: Running, reason: StandingReason) -> str:
    """Why it is where it is, for people."""
    doing = _doing(standing)
    heard = f"heard last {span(about.silent_for)} ago"
    match reason:
        case StandingReason.OWNER_LOST:
            return f"It {doing}, without an owner: it waits to be taken over."
        case StandingReason.CANCELLING:
            return f"It was asked to stop while it {doing}, and waits for {about.cancel_waits_for}."
        case StandingReason.BACKING_OFF:
            until = moment(about.back_off_until) if about.back_off_until else "soon"
            return (
                f"A step was lost ({standing.job.losses} in a row, {standing.job.max_attempts} may "
                f"be); it starts again by {until}."
            )
        case StandingReason.SILENT:
            return (
                f"It {doing}, silent for {span(about.silent_for)} of the "
                f"{span(about.silence_limit)} it may be."
            )
        case _:
            return f"It {doing}; {heard}."


def _step(standing: Standing) -> Step | None:
    """The step that runs, or that was lost and is to start again."""
    for step in standing.job.steps:
        if step.state in {StepState.RUNNING, StepState.LOST}:
            return step
    return None


def _heard(standing: Standing, step: Step | None) -> datetime:
    times = [standing.last.create_time, standing.output_time, step.start_time if step else None]
    return max(time for time in times if time is not None)


def _doing(standing: Standing) -> str:
    job, step = standing.job, _step(standing)
    if job.stage is None:
        return "begins"
    if job.stage is not Stage.EXECUTE:
        return f"is in its stage {job.stage.name.lower()}"
    if step is None or step.state is not StepState.RUNNING:
        return "is between two steps"
    return f"runs step {step.index} (attempt {step.attempt}) on {step.runner_id}"


def _back_off_until(standing: Standing, step: Step | None) -> datetime | None:
    job = standing.job
    if step is None or step.state is not StepState.LOST or step.end_time is None or not job.losses:
        return None
    match after_loss(job.losses, job.max_attempts):
        case Retry() as retry:
            until = step.end_time + retry.back_off
            return until if until > standing.now else None
        case _:
            return None


def _cancel_waits_for(
    standing: Standing, step: Step | None, *, expired: bool, reachable: bool
) -> str:
    job = standing.job
    if job.cancel_requested is None:
        return ""
    if expired:
        return "an orchestrator to take the job over, which then stops it"
    if step is None or step.state is not StepState.RUNNING:
        return "its owner to see the request, at its next step or sooner"
    if not reachable:
        return (
            f"its runner {step.runner_id}, which cannot be reached: without contact the run "
            "ends by itself"
        )
    return f"every process of its run on {step.runner_id} to be gone"
