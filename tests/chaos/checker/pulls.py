"""I6 once more: what the forge has written down of pushes and pull requests, job by job."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.checker.evidence import Evidence, Row, Violation, lowered
from tests.chaos.checker.remote import slug

MARKER = re.compile(r"Pawl-Job: ([0-9a-f-]{36})\b")
NEARLY_SECONDS = 20.0
"""What made a job fail was answered not longer before its end."""
AWAY = {
    *("server_error", "html", "lost", "done_unanswered", "huge", "redirect", "stale"),
    "done_late",
    *("rate_limited", "secondary_limit", "invalid"),
}
FITTING = {
    "PUBLISH_AUTH": {"unauthorized", "forbidden", "not_found", "secondary_limit"},
    "PUBLISH_REJECTED": {"forbidden", "invalid", "not_found", "redirect"},
    "PUBLISH_UNAVAILABLE": AWAY,
}
"""What the forge may have answered where a job failed so."""


@dataclass(slots=True)
class Seen:
    """What the forge knows of one job."""

    opened: list[Row] = field(default_factory=list)
    undone: list[Row] = field(default_factory=list)
    """What people did with its pull requests or its branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Pull requests beyond a job's first."""

    jobs: int
    pulls: int
    told_in_events: int
    told_later: int
    """By who looks through jobs that have ended."""
    residual: int
    """Opened by who had been held up, once a person had closed the first."""


def check(evidence: Evidence) -> Iterator[Violation]:
    """What is wrong with pull requests; nothing where there is no forge."""
    if evidence.forge is None:
        return
    publications = {row["job_id"]: row for row in evidence.rows("SELECT * FROM publication")}
    jobs = {job["job_id"]: job for job in evidence.jobs()}
    told = evidence.by_job("event", "sequence")
    seen, recorded, silent = _seen(evidence), _recorded_times(evidence), set(untold(evidence))
    for stranger in seen.keys() - jobs.keys():
        yield Violation(
            "I6", f"pull requests {_numbers(seen[stranger].opened)} of no job: {stranger}"
        )
    for job_id, job in jobs.items():
        publication, of_job = publications.get(job_id), seen.get(job_id, Seen())
        if publication is None or publication["pull_request"] is None:
            if of_job.opened:
                yield Violation(
                    "I7", f"job {job_id} intended none, and has {_numbers(of_job.opened)}"
                )
            continue
        yield from _opened(evidence, job, publication, of_job, told.get(job_id, []))
        numbers, residual = _numbers(of_job.opened), _is_residual(of_job, recorded.get(job_id))
        if len(numbers) > 1 and evidence.forge["unique"] and not residual:
            yield Violation("I6", f"{job_id} has the pull requests {numbers}")
        if job_id in silent:
            yield Violation("I6", f"nobody has told that {job_id} has the pull requests {numbers}")
    yield from _pushes(evidence, jobs, publications)
    yield from _fitting(evidence, jobs, told)


def duplicates(evidence: Evidence) -> Duplicates:
    """How many there are, and who has told of them."""
    told, later = _told_duplicates(evidence), _told_later(evidence)
    further, seen = _further(evidence), _seen(evidence)
    recorded = _recorded_times(evidence)
    return Duplicates(
        jobs=len(further),
        pulls=sum(map(len, further.values())),
        told_in_events=sum(len(ones & told.get(job, set())) for job, ones in further.items()),
        told_later=sum(len(ones & later.get(job, set())) for job, ones in further.items()),
        residual=sum(_is_residual(seen[job], recorded.get(job)) for job in further),
    )


def untold(evidence: Evidence) -> list[str]:
    """The jobs of which there is a further pull request that nobody has told of."""
    told, later = _told_duplicates(evidence), _told_later(evidence)
    return [
        job
        for job, ones in _further(evidence).items()
        if ones - told.get(job, set()) - later.get(job, set())
    ]


def _opened(
    evidence: Evidence, job: Row, publication: Row, seen: Seen, events: Sequence[Row]
) -> Iterator[Violation]:
    assert evidence.forge is not None
    name, numbers = job["job_id"], _numbers(seen.opened)
    wanted = json.loads(publication["pull_request"])
    for one in seen.opened:
        said = (one["repository"], one["head"], one["commit"], one["base"])
        meant = (slug(job["repository"]), publication["branch"], publication["commit"])
        if said != (*meant, wanted["base_branch"]):
            yield Violation("I6", f"pull request {one['pull']} of {name} is {said}, not {meant}")
    recorded = publication["pull_number"]
    if recorded is not None and recorded not in numbers:
        yield Violation("I6", f"{name} has recorded pull request {recorded} of {numbers}")
    times = sum(event["type"] == "task.publish.pullRequestOpened" for event in events)
    if times != (recorded is not None):
        yield Violation("I6", f"{name} has told {times} times of pull request {recorded}")
    if lowered(job["state"]) != "succeeded":
        return
    url = f"{evidence.forge['url']}/{slug(job['repository'])}/pull/{recorded}"
    if recorded is None or job["outcome"].lower() != "pull_request":
        yield Violation("I6", f"{name} succeeded as {job['outcome']} with {numbers}")
    elif job["pull_request_url"] != url:
        yield Violation("I6", f"{name} leads people to {job['pull_request_url']}, not {url}")


def _pushes(
    evidence: Evidence, jobs: dict[str, Row], publications: dict[str, Row]
) -> Iterator[Violation]:
    """Whatever reached the forge: the one commit of a job, to its one branch."""
    meant = {
        (slug(jobs[job]["repository"]), f"refs/heads/{row['branch']}"): row["commit"]
        for job, row in publications.items()
    }
    for push in _changes(evidence, "push"):
        if meant.get((push["repository"], push["ref"])) != push["new"]:
            yield Violation("I6", f"a push that no job meant: {push}")


def _fitting(
    evidence: Evidence, jobs: dict[str, Row], told: dict[str, list[Row]]
) -> Iterator[Violation]:
    """A job fails to publish for something that the forge has answered."""
    answers = [{"time": note["time"], **note["result"]} for note in evidence.forge_notes("answers")]
    for job_id, job in jobs.items():
        for event in told.get(job_id, []):
            if event["type"] != "job.failed":
                continue
            reason = json.loads(event["payload"])["reason"]
            if not reason.startswith("PUBLISH_"):
                continue
            ended = event["create_time"] / 1e6
            near = {
                answer["manner"]
                for answer in answers
                if answer.get("repository") == slug(job["repository"])
                and ended - NEARLY_SECONDS <= answer["time"] <= ended + 1
                and _may_be_about(answer, job)
            }
            if not near & FITTING.get(reason, set()):
                yield Violation("F", f"{job_id} ended {reason}; near that the forge was {near}")


def _may_be_about(answer: Row, job: Row) -> bool:
    if "head" in answer:
        return bool(answer["head"] == job["working_branch"])
    return job["job_id"] in answer["words"] if "words" in answer else True


def _is_residual(seen: Seen, recorded: float | None) -> bool:
    """Who opened the second had asked before the first was recorded, and was held up since.

    By then a person had undone something of the first, so that the forge took it.
    """
    times = sorted(one["time"] for one in seen.opened)
    if len(times) < 2 or recorded is None or recorded > times[1]:
        return False
    return any(one["time"] < times[1] for one in seen.undone)


def _recorded_times(evidence: Evidence) -> dict[str, float]:
    query = (
        "SELECT job_id, create_time FROM event WHERE type = 'task.publish.pullRequestOpened' "
        "ORDER BY sequence DESC"
    )
    return {row["job_id"]: row["create_time"] / 1e6 for row in evidence.rows(query)}


def _further(evidence: Evidence) -> dict[str, set[int]]:
    """The pull requests of each job but for the recorded one, else the first."""
    query = "SELECT job_id, pull_number FROM publication"
    recorded = {row["job_id"]: row["pull_number"] for row in evidence.rows(query)}
    found = {}
    for job, one in _seen(evidence).items():
        numbers = _numbers(one.opened)
        if others := set(numbers) - {recorded.get(job) or numbers[0]}:
            found[job] = others
    return found


def _seen(evidence: Evidence) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    by_branch: dict[tuple[str, str], str] = {}
    for one in _changes(evidence, "open"):
        marked = MARKER.findall(one["body"])  # its last line holds it
        name = marked[-1] if marked else f"{one['repository']}/{one['head']}"
        found.setdefault(name, Seen()).opened.append(one)
        by_branch[one["repository"], one["head"]] = name
    for one in _changes(evidence, "close", "merge", "delete_branch"):
        if name := by_branch.get((one["repository"], one["head"]), ""):
            found[name].undone.append(one)
    return found


def _changes(evidence: Evidence, *operations: str) -> list[dict[str, Any]]:
    return [
        {"time": note["time"], **note["result"]}
        for note in evidence.forge_notes("audit")
        if note["operation"] in operations
    ]


def _numbers(opened: Sequence[Row]) -> list[int]:
    return sorted(one["pull"] for one in opened)


def _told_duplicates(evidence: Evidence) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    query = "SELECT job_id, payload FROM event WHERE type = 'task.publish.duplicateDetected'"
    for row in evidence.rows(query):
        found.setdefault(row["job_id"], set()).update(json.loads(row["payload"])["duplicates"])
    return found


def _told_later(evidence: Evidence) -> dict[str, set[int]]:
    query = "SELECT job_id, duplicate_pull_requests AS told FROM job"
    return {row["job_id"]: set(json.loads(row["told"] or "[]")) for row in evidence.rows(query)}
