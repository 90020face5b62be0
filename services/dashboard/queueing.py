"""What a submit says beside its task: how the job is queued, and by which labels it is found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pawl.cli import payload
from pawl.cli.refusals import Unusable
from pawl.client import Job
from services.dashboard.bodies import LARGEST, refuse
from services.dashboard.hints import Hint, Hints

MAX_ATTEMPTS = 3
"""What a job has that was submitted with 0."""

HINTS: Hints = {
    "priority": Hint("Higher is claimed first; -1000 to 1000.", "0"),
    "maxAttempts": Hint(
        "So often in a row the platform may lose the job before it is given up; 1 to 100.",
        str(MAX_ATTEMPTS),
    ),
    "labels": Hint("To find it by: one KEY=VALUE a line.", example="team=payments"),
}
"""What the form tells people of each."""


@dataclass(frozen=True, slots=True)
class Queueing:
    """As SubmitTask takes it; zero and empty leave it to the orchestrator."""

    priority: int = 0
    max_attempts: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """What differs from the default, as pages and SubmitTask's JSON spell it."""
        everything = {
            "priority": self.priority,
            "maxAttempts": self.max_attempts,
            "labels": dict(self.labels),
        }
        return {name: value for name, value in everything.items() if value}


def queueing_of(body: Mapping[str, Any]) -> Queueing:
    """What a page has sent; its bounds are for the orchestrator to judge."""
    return Queueing(_whole(body, "priority"), _whole(body, "maxAttempts"), _labels(body))


def queued_as(job: Job) -> Queueing:
    """How somebody would submit the job's task again."""
    attempts = 0 if job.max_attempts == MAX_ATTEMPTS else job.max_attempts
    return Queueing(job.priority, attempts, dict(job.labels))


def _whole(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name, 0)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST:
        refuse(name, f"{name} has to be a whole number, or empty.")
    return value


def _labels(body: Mapping[str, Any]) -> dict[str, str]:
    try:
        labels = payload.checked(body.get("labels", {}), "labels")
    except Unusable as problem:
        refuse("labels", str(problem))
    if not all(isinstance(value, str) for value in labels.values()):
        refuse("labels", "Every label's value has to be text.")
    return labels
