"""Between explanations and the messages clients see."""

from datetime import timedelta

from google.protobuf import duration_pb2

from pawl.v1 import orchestrator_pb2 as pb
from services.orchestrator import convert, plans
from services.orchestrator.jobs.eligibility import Obstacle, Offers, offering
from services.orchestrator.jobs.explanation import (
    Asked,
    Ended,
    Explanation,
    Held,
    Running,
    StandingReason,
    Waiting,
)
from services.orchestrator.jobs.job import Job
from services.orchestrator.jobs.standing import Queue

REASONS = {one: f"STANDING_REASON_{one.name}" for one in StandingReason}
OBSTACLES = {one: f"RUNNER_OBSTACLE_{one.name}" for one in Obstacle}


def explanation_to_message(explanation: Explanation) -> pb.ExplainJobResponse:
    """Why a job is where it is."""
    job, about = explanation.job, explanation.about
    return pb.ExplainJobResponse(
        job_id=job.job_id,
        state=convert.STATES[job.state],
        eligible=explanation.eligible,
        reason=REASONS[explanation.reason],
        summary=explanation.summary,
        holds=[_hold(one) for one in explanation.holds],
        waiting=_waiting(job, about) if isinstance(about, Waiting) else None,
        running=_running(job, about) if isinstance(about, Running) else None,
        ended=_ended(job, about) if isinstance(about, Ended) else None,
    )


def queue_to_message(queue: Queue, offers: Offers) -> pb.GetQueueResponse:
    """How many jobs there are that have not ended, and who offers what they require."""
    return pb.GetQueueResponse(
        counts=[
            pb.QueueCount(
                state=convert.STATES[one.state],
                runtime=one.runtime,
                jobs=one.jobs,
                held_jobs=one.held,
            )
            for one in queue.counts
        ],
        longest_job_id=queue.longest or "",
        longest_wait=None if queue.since is None else _length(queue.now - queue.since),
        capabilities=[
            pb.CapabilityCount(
                capability=one.capability,
                queued_jobs=one.queued,
                running_jobs=one.running,
                offering_runners=offering(one.capability, offers),
            )
            for one in queue.required
        ],
    )


def _hold(held: Held) -> pb.Hold:
    return pb.Hold(
        reason=REASONS[held.reason], until=convert.stamp(held.until), message=held.message
    )


def _waiting(job: Job, about: Waiting) -> pb.Waiting:
    return pb.Waiting(
        position=about.position,
        since=convert.stamp(about.since),
        not_before=convert.stamp(job.not_before),
        queue_deadline=convert.stamp(about.queue_deadline),
        runners=[_look(one) for one in about.runners],
        nearest_target=about.nearest_target,
        repository_limit=about.repository_limit,
        repository_running=about.repository_running,
        repository_job_ids=about.repository_jobs,
        max_jobs=about.max_jobs,
        driven_jobs=about.driven,
    )


def _look(asked: Asked) -> pb.RunnerLook:
    look = asked.look
    return pb.RunnerLook(
        target=look.offer.target,
        runner_id=look.offer.runner_id,
        obstacle=OBSTACLES[look.obstacle] if look.obstacle else None,
        missing_capabilities=look.missing,
        card_reason=look.why,
        slots=asked.slots,
        free_slots=look.offer.free_slots,
        job_ids=asked.jobs,
    )


def _running(job: Job, about: Running) -> pb.Running:
    return pb.Running(
        stage=plans.STAGES[about.stage] if about.stage else None,
        step_index=about.step_index,
        attempt=job.attempt,
        run_id=about.run_id,
        runner_id=about.runner_id,
        runner_reachable=about.runner_reachable,
        heard_time=convert.stamp(about.heard_time),
        silent_for=_length(about.silent_for),
        silence_limit=_length(about.silence_limit),
        owner=about.owner,
        owned_here=about.owned_here,
        lease_until=convert.stamp(about.lease_until),
        lease_expired=about.lease_expired,
        cancel_requested=convert.cancel_request_to_message(job.cancel_requested),
        cancel_waits_for=about.cancel_waits_for,
        back_off_until=convert.stamp(about.back_off_until),
        losses=job.losses,
        max_attempts=job.max_attempts,
    )


def _ended(job: Job, about: Ended) -> pb.Ended:
    return pb.Ended(
        event=convert.event_to_message(about.event),
        outcome=convert.OUTCOMES[job.outcome] if job.outcome else None,
        failure=convert.failure_to_message(job.failure) if job.failure else None,
        losses=[convert.event_to_message(one) for one in about.losses],
    )


def _length(length: timedelta) -> duration_pb2.Duration:
    message = duration_pb2.Duration()
    message.FromTimedelta(length)
    return message
