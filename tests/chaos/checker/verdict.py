"""All invariants at once, with the numbers that tell whether the run meant anything."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.chaos.checker import jobs, pulls, remote, runs, stored
from tests.chaos.checker.evidence import Evidence, Violation

PATIENCE_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a run has exercised."""

    jobs: int
    claims: int
    re_claims: int
    adoptions: int
    lost_attempts: int
    agent_starts: int
    fenced_writes: int
    leases_lost: int
    claims_lost: int
    dead_letters: int


def judge(
    evidence: Evidence,
    *,
    services: Iterable[int],
    earlier: dict[str, str] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> list[Violation]:
    """Every violation; `earlier` is what `jobs.ends` gave while the run went on."""
    found = [*jobs.check(evidence), *runs.check(evidence), *remote.check(evidence)]
    found += pulls.check(evidence)
    found += stored.check(evidence)
    found += _left_for_good(evidence, set(services), patience)
    found += jobs.changed(earlier or {}, jobs.ends(evidence))
    return found


def _left_for_good(evidence: Evidence, services: set[int], patience: float) -> list[Violation]:
    """What is left and stays: a runner that has just started asks its CLIs for their versions."""
    give_up = time.monotonic() + patience
    while left := list(runs.left_over(evidence, services)):
        if time.monotonic() > give_up:
            return left
        time.sleep(0.2)
    return []


def count(evidence: Evidence) -> Counts:
    """The numbers of a run."""
    claims = evidence.rows("SELECT payload FROM event WHERE type = 'job.claimed'")
    told = {
        row["type"]: row["number"]
        for row in evidence.rows("SELECT type, count(*) AS number FROM event GROUP BY type")
    }
    logs = b"".join(data for name, data in evidence.service_logs() if "orchestrator" in name)
    return Counts(
        jobs=len(evidence.rows("SELECT job_id FROM job")),
        claims=len(claims),
        re_claims=sum('"running"' in row["payload"].lower() for row in claims),
        adoptions=told.get("job.resumed", 0),
        lost_attempts=told.get("task.step.lost", 0),
        agent_starts=runs.starts(evidence),
        fenced_writes=_said(logs, b"fence_refused"),
        leases_lost=_said(logs, b"lease_lost"),
        claims_lost=_said(logs, b"claim_lost"),
        dead_letters=told.get("job.deadLettered", 0),
    )


def _said(logs: bytes, event: bytes) -> int:
    return len(re.findall(rb"\b" + event + rb"\b", logs))
