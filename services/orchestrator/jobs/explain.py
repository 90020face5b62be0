"""Why a job is where it is, by the same judgement that claims are made with."""

from collections.abc import Sequence

from services.orchestrator.jobs.eligibility import Hold, Offers, Process, Verdict, judge, offer_of
from services.orchestrator.jobs.explanation import (
    Ended,
    Explanation,
    Held,
    Running,
    StandingReason,
    Waiting,
)
from services.orchestrator.jobs.job import JobState
from services.orchestrator.jobs.runners import KnownRunner
from services.orchestrator.jobs.running import reason_of, running, sentence
from services.orchestrator.jobs.standing import Standing
from services.orchestrator.jobs.waiting import holds, own_holds, process_hold, waiting


def explain(
    standing: Standing,
    known: Sequence[KnownRunner],
    *,
    own: frozenset[str],
    process: Process,
    here: str,
) -> Explanation:
    """Why the job is where it is.

    `known` are all runners and `own` what the orchestrator adds to their capabilities;
    `here` is the owner that this process claims as.
    """
    offers = Offers(runners=tuple(offer_of(one) for one in known), own=own)
    verdict = judge(standing.candidate, offers, process)
    if standing.job.state is JobState.QUEUED:
        return _queued(standing, verdict, waiting(standing, known, verdict, process), process)
    if standing.job.state is JobState.RUNNING:
        return _running(standing, verdict, running(standing, known, here=here), process)
    return _ended(standing)


def _queued(standing: Standing, verdict: Verdict, about: Waiting, process: Process) -> Explanation:
    held = holds(standing, verdict, process, about.runners)
    if held:
        summary = f"It waits: {held[0].message}."
    elif about.position == 1:
        summary = "It is the next one to be claimed."
    else:
        summary = f"It is claimed after {about.position - 1} others."
    return Explanation(
        job=standing.job,
        reason=held[0].reason if held else StandingReason.ELIGIBLE,
        summary=summary,
        holds=held,
        about=about,
    )


def _running(standing: Standing, verdict: Verdict, about: Running, process: Process) -> Explanation:
    reason = reason_of(standing, about)
    summary = sentence(standing, about, reason)
    held: list[Held] = []
    if not about.lease_expired:
        held.append(Held(reason, "an orchestrator holds its claim"))
    else:
        held += own_holds(standing) if Hold.NOT_CLAIMABLE in verdict.holds else []
        held += [
            process_hold(hold, process)
            for hold in verdict.holds
            if hold in {Hold.DRIVEN_HERE, Hold.PROCESS_FULL}
        ]
        if held:
            summary += f" Until then {held[0].message}."
    return Explanation(
        job=standing.job, reason=reason, summary=summary, holds=tuple(held), about=about
    )


def _ended(standing: Standing) -> Explanation:
    job = standing.job
    reason = StandingReason[job.state.name]
    summary = f"It has ended: {standing.last.message}"
    if job.failure is not None:
        summary = (
            f"It has {'failed' if reason is StandingReason.FAILED else 'been given up'} "
            f"({job.failure.reason.value}): {job.failure.message.rstrip('.')}. {job.failure.remedy}"
        )
    return Explanation(
        job=job,
        reason=reason,
        summary=summary,
        holds=(Held(reason, "it has ended"),),
        about=Ended(event=standing.last, losses=standing.losses),
    )
