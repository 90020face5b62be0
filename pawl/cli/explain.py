"""`pawl explain`: why a job is where it is."""

import sys

from pawl.cli import documents, tables
from pawl.cli.exits import SUCCEEDED
from pawl.cli.options import DEFAULTS, Options
from pawl.cli.text import line
from pawl.client import (
    Ended,
    ExplainJobResponse,
    Hold,
    JobEvent,
    JobState,
    RunnerLook,
    RunnerObstacle,
    Running,
    Stage,
    StandingReason,
    Waiting,
    connected,
)

ASKED = ("runner", "target", "what it fails", "lacks", "free slots", "jobs it holds")
LOST = ("event", "time", "attempt", "what")


async def explain(job: str, /, *, options: Options = DEFAULTS) -> int:
    """Tell why a job waits, what it does, or what ended it.

    Parameters
    ----------
    job
        The job's id.
    """
    async with connected(options.target, token=options.token) as client:
        answer = await client.explain(job)
    if options.json:
        documents.put(answer)
    else:
        put(answer)
    return SUCCEEDED


def put(answer: ExplainJobResponse) -> None:
    """Prints an explanation for a person."""
    sys.stdout.write(f"{line(answer.summary)}\n\n")
    tables.put_fields(facts(answer))
    if answer.HasField("waiting") or answer.running.lease_expired:
        _put_under("in the way", ("reason", "until", "what"), [_hold(one) for one in answer.holds])
    _put_under("runners", ASKED, [asked(one) for one in answer.waiting.runners])
    _put_under("losses", LOST, [lost(one) for one in answer.ended.losses])


def facts(answer: ExplainJobResponse) -> tuple[tuple[str, str], ...]:
    """What is known of where the job is, each with its name; empty where a value is not."""
    first = (
        ("job", answer.job_id),
        ("state", tables.word(JobState.Name(answer.state), "JOB_STATE_")),
        ("reason", _reason(answer.reason)),
    )
    match answer.WhichOneof("about"):
        case "waiting":
            return (*first, *_waiting(answer.waiting))
        case "running":
            return (*first, *_running(answer.running))
        case "ended":
            return (*first, *_ended(answer.ended))
        case _:
            return first


def _put_under(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if rows:
        sys.stdout.write(f"\n{title}\n")
        tables.put(columns, rows)


def _waiting(about: Waiting) -> tuple[tuple[str, str], ...]:
    limit = about.repository_limit
    ran = f"{about.repository_running} run" + (f", {limit} may" if limit else "")
    ids = ", ".join(about.repository_job_ids)
    return (
        ("position", str(about.position)),
        ("waits since", tables.moment(about.since)),
        ("not before", tables.moment(about.not_before)),
        ("fails at", tables.moment(about.queue_deadline)),
        ("nearest runner", about.nearest_target),
        ("its repository", f"{ran}: {ids}" if ids else ran),
        ("this orchestrator", f"drives {about.driven_jobs} jobs, {about.max_jobs} may be"),
    )


def _running(about: Running) -> tuple[tuple[str, str], ...]:
    owner = "this orchestrator" if about.owned_here else about.owner
    held = "lost at" if about.lease_expired else "held until"
    away = "" if about.runner_reachable else " (cannot be reached)"
    asked = about.cancel_requested
    return (
        ("stage", tables.word(Stage.Name(about.stage), "STAGE_") if about.stage else ""),
        ("step", str(about.step_index) if about.HasField("step_index") else ""),
        ("attempt", str(about.attempt)),
        ("run", about.run_id),
        ("runner", f"{about.runner_id}{away}" if about.runner_id else ""),
        ("heard", tables.moment(about.heard_time)),
        ("silent for", tables.duration(about.silent_for.ToTimedelta().total_seconds())),
        ("may be for", tables.duration(about.silence_limit.ToTimedelta().total_seconds())),
        ("owner", owner),
        (held, tables.moment(about.lease_until)),
        ("starts again", tables.moment(about.back_off_until)),
        ("lost", f"{about.losses} in a row, {about.max_attempts} may be" if about.losses else ""),
        ("cancel asked", tables.moment(asked.time)),
        ("by", asked.by),
        ("waits for", about.cancel_waits_for),
    )


def _ended(about: Ended) -> tuple[tuple[str, str], ...]:
    return (
        ("decided by", f"event {about.event.sequence}, {about.event.type}"),
        ("at", tables.moment(about.event.create_time)),
        ("failure", about.failure.reason),
        ("what happened", about.failure.message),
        ("what to do", about.failure.remedy),
    )


def _hold(hold: Hold) -> tuple[str, ...]:
    return _reason(hold.reason), tables.moment(hold.until), hold.message


def asked(look: RunnerLook) -> tuple[str, ...]:
    """What became of asking one runner, as `ASKED` names it."""
    fails = RunnerObstacle.Name(look.obstacle) if look.obstacle else "nothing"
    lacks = ", ".join(look.missing_capabilities)
    return (
        look.runner_id,
        look.target,
        tables.word(fails, "RUNNER_OBSTACLE_"),
        f"{lacks} ({look.card_reason})" if look.card_reason else lacks,
        f"{look.free_slots}/{look.slots}",
        ", ".join(look.job_ids),
    )


def lost(event: JobEvent) -> tuple[str, ...]:
    """A loss of a job that was given up, as `LOST` names it."""
    return str(event.sequence), tables.moment(event.create_time), str(event.attempt), event.message


def _reason(reason: StandingReason) -> str:
    return tables.word(StandingReason.Name(reason), "STANDING_REASON_")
