"""I1 to I4: every job ends, once, and its events tell it in order."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker.evidence import TERMINAL, Evidence, Row, Violation, lowered

ENDS = {"job.succeeded", "job.failed", "job.cancelled", "job.deadLettered"}
REOPENED = "job.retried"
CLAIMS_WITHOUT_PROGRESS = 5
LOOKED_FOR_LATER = {"duplicate_pull_requests", "look_time", "try_time", "reported"}
"""What is found out of other pull requests once a job has ended."""
STANDSTILL = ("job.resumed", "job.cancel.", "task.stage.", "task.workspace.")
"""What owners may tell of a job without getting it further."""


def check(evidence: Evidence) -> Iterator[Violation]:
    """What is wrong with jobs, steps and events."""
    events = evidence.by_job("event", "sequence")
    steps = evidence.by_job("step", "step_index")
    for job in evidence.jobs():
        told = events.get(job["job_id"], [])
        yield from _ended(job, told)
        yield from _in_order(job, told)
        yield from _steps(job, steps.get(job["job_id"], []), told)


def ends(evidence: Evidence) -> dict[str, str]:
    """A digest of all that is stored of each job that has ended, for I2.

    The jobs are read first: one that ends meanwhile would be seen half ended.
    """
    ended = [job for job in evidence.jobs() if lowered(job["state"]) in TERMINAL]
    tables = {
        table: evidence.by_job(table, order)
        for table, order in (
            ("event", "sequence"),
            ("step", "step_index"),
            ("artifact", "path"),
            ("stretch", "step_index, attempt, position"),
            ("publication", "branch"),
        )
    }
    return {
        job["job_id"]: _digest(
            _as_ended(job),
            *(
                [_as_ended(row) for row in found.get(job["job_id"], [])]
                for found in tables.values()
            ),
        )
        for job in ended
    }


def changed(earlier: dict[str, str], later: dict[str, str]) -> Iterator[Violation]:
    """I2: what had ended stays as it was."""
    for job_id, digest in earlier.items():
        if later.get(job_id) != digest:
            yield Violation("I2", f"job {job_id} was changed after its end")


def _ended(job: Row, events: list[Row]) -> Iterator[Violation]:
    name = job["job_id"]
    if lowered(job["state"]) not in TERMINAL:
        last = events[-1]["type"] if events else "nothing"
        yield Violation("I1", f"job {name} is {job['state']} still; last: {last}")
        return
    expected = job.get("label_expect")
    if lowered(job["state"]) == "dead_letter" and _given_up_lawfully(events):
        expected = None  # counted, and told in the numbers of the run
    if expected and lowered(job["state"]) not in expected.split("|"):
        yield Violation(
            "I1", f"job {name} ended {job['state']} ({job['failure_message']}), not {expected}"
        )
    lives = 1 + sum(event["type"] == REOPENED for event in events)
    told = Counter(event["type"] for event in events)
    if told["job.submitted"] != 1:
        yield Violation("I3", f"job {name} has {told['job.submitted']} events of its submit")
    if sum(told[kind] for kind in ENDS) != lives:
        yield Violation("I3", f"job {name} ended {[t for t in told.items() if t[0] in ENDS]}")
    if events and events[-1]["type"] not in ENDS | {"job.cancel.tooLate"}:
        yield Violation("I3", f"job {name} has {events[-1]['type']} after its end")


def _given_up_lawfully(events: list[Row]) -> bool:
    """After five claims in a row whose owners got the job no further."""
    claims = 0
    for event in reversed(events[:-1]):
        if event["type"] == "job.claimed":
            claims += 1
        elif not event["type"].startswith(STANDSTILL):
            break
    return claims >= CLAIMS_WITHOUT_PROGRESS


def _in_order(job: Row, events: list[Row]) -> Iterator[Violation]:
    name = job["job_id"]
    numbers = [event["sequence"] for event in events]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Violation("I3", f"job {name} has events numbered {numbers}")
    if len(numbers) != job["last_sequence"]:
        yield Violation("I3", f"job {name} has {len(numbers)} events of {job['last_sequence']}")
    epochs = [event["epoch"] for event in events]
    if epochs != sorted(epochs):
        yield Violation("I3", f"job {name} has epochs {epochs}")
    claims = [
        json.loads(event["payload"])["epoch"] for event in events if event["type"] == "job.claimed"
    ]
    if claims != list(range(1, len(claims) + 1)):
        yield Violation("I3", f"job {name} was claimed with epochs {claims}")


def _steps(job: Row, steps: list[Row], events: list[Row]) -> Iterator[Violation]:
    if any(event["type"] == REOPENED for event in events):
        return  # its finished steps may run again, as its caller has asked
    name = job["job_id"]
    per_step: dict[int, Counter[str]] = {}
    for event in events:
        if event["step_index"] is not None:
            per_step.setdefault(event["step_index"], Counter())[event["type"]] += 1
    for step in steps:
        told = per_step.get(step["step_index"], Counter())
        finished = told["task.step.finished"]
        if finished != (1 if step["state"].lower() == "succeeded" else 0):
            yield Violation(
                "I4", f"step {step['step_index']} of {name} is {step['state']}, told {finished}x"
            )
        ended = sum(told[f"task.step.{w}"] for w in ("finished", "failed", "cancelled", "lost"))
        running = step["state"].lower() == "running"
        # One that runs when its job is given up as poison is set to lost without an event.
        untold = lowered(job["state"]) == "dead_letter" and step["state"].lower() == "lost"
        if told["task.step.started"] - ended - running not in {0, int(untold)}:
            yield Violation(
                "I4", f"step {step['step_index']} of {name}: {dict(told)}, {step['state']}"
            )
    if lowered(job["state"]) == "succeeded":
        states = [step["state"].lower() for step in steps]
        if set(states) != {"succeeded"}:
            yield Violation("I4", f"job {name} succeeded with steps {states}")


def _as_ended(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in LOOKED_FOR_LATER}


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()
