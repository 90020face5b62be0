"""Why a job that is QUEUED is not claimed, and by whom it could be."""

from collections.abc import Sequence

from services.orchestrator.jobs.eligibility import Hold, Obstacle, Process, Verdict
from services.orchestrator.jobs.explanation import Asked, Held, StandingReason, Waiting, moment
from services.orchestrator.jobs.job import JobId
from services.orchestrator.jobs.runners import KnownRunner
from services.orchestrator.jobs.standing import Standing

NAMED = 3
"""How many jobs a sentence names."""


def waiting(
    standing: Standing, known: Sequence[KnownRunner], verdict: Verdict, process: Process
) -> Waiting:
    """What there is to tell of a job that waits."""
    nearest = verdict.nearest
    return Waiting(
        position=standing.ahead + 1,
        since=standing.queued_time,
        queue_deadline=standing.queue_deadline,
        runners=tuple(
            Asked(
                look=look,
                slots=one.description.slots if one.description else 0,
                jobs=_holding(one),
            )
            for one, look in zip(known, verdict.looks, strict=True)
        ),
        nearest_target=nearest.offer.target if nearest else "",
        repository_limit=process.per_repository,
        repository_running=standing.repository_running,
        repository_jobs=standing.neighbours,
        max_jobs=process.max_jobs,
        driven=len(process.driving),
    )


def holds(
    standing: Standing, verdict: Verdict, process: Process, runners: Sequence[Asked]
) -> tuple[Held, ...]:
    """All that is in the way of a claim."""
    found: list[Held] = []
    for hold in verdict.holds:
        match hold:
            case Hold.NOT_CLAIMABLE:
                found += own_holds(standing)
            case Hold.REPOSITORY_FULL:
                found.append(
                    Held(
                        StandingReason.REPOSITORY_LIMIT,
                        f"as many jobs of {standing.job.repository} run as may "
                        f"({process.per_repository}): {_listed(standing.neighbours)}",
                    )
                )
            case Hold.NO_TAKER:
                found.append(_no_taker(standing, verdict, runners))
            case Hold.DRIVEN_HERE | Hold.PROCESS_FULL:
                found.append(process_hold(hold, process))
    return tuple(found)


def own_holds(standing: Standing) -> list[Held]:
    """What the job itself waits for."""
    found = []
    if standing.poisoned:
        found.append(
            Held(
                StandingReason.POISONED,
                "too many owners in a row were lost, and it is about to be given up",
            )
        )
    if standing.overdue:
        found.append(
            Held(
                StandingReason.QUEUE_EXPIRED,
                "it has waited for longer than its task allows, and is about to fail",
            )
        )
    not_before = standing.job.not_before
    if not_before is not None and not_before > standing.now:
        why = standing.queued_by.payload.get("why") or standing.queued_by.message.rstrip(".")
        found.append(
            Held(
                StandingReason.NOT_BEFORE,
                f"it is not claimed before {moment(not_before)} ({why})",
                not_before,
            )
        )
    return found


def process_hold(hold: Hold, process: Process) -> Held:
    """What is in the way in this process."""
    if hold is Hold.DRIVEN_HERE:
        return Held(StandingReason.LETTING_GO, "its last owner here has not let go of it yet")
    return Held(
        StandingReason.MAX_JOBS,
        f"this orchestrator drives {len(process.driving)} of the {process.max_jobs} jobs it may",
    )


def _no_taker(standing: Standing, verdict: Verdict, runners: Sequence[Asked]) -> Held:
    nearest = verdict.nearest
    if nearest is None:
        return Held(StandingReason.NO_RUNNER, "no runner is known")
    name = nearest.offer.runner_id or nearest.offer.target
    lacking = ", ".join(nearest.missing)
    match nearest.obstacle:
        case Obstacle.UNREACHABLE:
            return Held(
                StandingReason.NO_RUNNER,
                f"no runner can be reached; {name} did not answer when last asked",
            )
        case Obstacle.DRAINING:
            return Held(StandingReason.NO_RUNNER, f"no runner takes new work: {name} is leaving")
        case Obstacle.RUNTIME_UNAVAILABLE:
            return Held(
                StandingReason.RUNTIME_UNAVAILABLE,
                f"{name}, which comes closest, lacks {lacking} ({nearest.why})",
            )
        case Obstacle.CAPABILITY_MISSING:
            return Held(
                StandingReason.CAPABILITY_MISSING,
                f"no runner offers all it requires: {name}, which comes closest, lacks {lacking}",
            )
        case _:
            taken = [
                job
                for one in runners
                if one.look.obstacle is Obstacle.NO_FREE_SLOT
                for job in one.jobs
                if job != standing.job.job_id
            ]
            by = f", by {_listed(taken)}" if taken else ""
            return Held(StandingReason.NO_FREE_SLOT, f"every slot it fits in is taken{by}")


def _holding(known: KnownRunner) -> tuple[JobId, ...]:
    held = known.description.workspace_ids if known.description else ()
    return tuple(dict.fromkeys(JobId(one.partition("/")[0]) for one in held))


def _listed(jobs: Sequence[JobId]) -> str:
    named = ", ".join(jobs[:NAMED])
    return f"{named} and {len(jobs) - NAMED} more" if len(jobs) > NAMED else named
