"""The list of jobs, by filters, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawl.client import Job, JobOutcome, JobState, OrchestratorClient, StepState
from pawl.wire.errors import Refusal
from services.dashboard.pages import moment, page

PAGE_SIZE = 50
PREFIX = "JOB_STATE_"
_STATES: dict[str, JobState] = {
    "QUEUED": JobState.JOB_STATE_QUEUED,
    "RUNNING": JobState.JOB_STATE_RUNNING,
    "SUCCEEDED": JobState.JOB_STATE_SUCCEEDED,
    "FAILED": JobState.JOB_STATE_FAILED,
    "CANCELLED": JobState.JOB_STATE_CANCELLED,
    "DEAD_LETTER": JobState.JOB_STATE_DEAD_LETTER,
}
STATES = tuple((name, name.replace("_", " ").lower()) for name in _STATES)


RUNTIMES = ("codex", "gemini", "claude")
PUBLISHING = (("pr", "pull request"), ("branch", "branch"), ("none", "no publishing"))
_CHOICES = {"state": dict(STATES), "publish": dict(PUBLISHING)}
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which jobs are asked for; the fields are those of the page's form."""

    state: str = ""
    runtime: str = ""
    repository: str = ""
    skill: str = ""
    publish: str = ""
    label: str = ""
    text: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        """What an address asks for; what is none of the choices there are is not asked for."""
        given = {field.name: query.get(field.name, "").strip() for field in fields(cls)}
        for name, choices in _CHOICES.items():
            if given[name] not in choices:
                given[name] = ""
        return cls(**given)

    @property
    def narrow(self) -> bool:
        """Whether anything is left out by it."""
        return self != Asked()

    def address(self, page_token: str = "") -> str:
        """Where these jobs are listed, from a page on."""
        given = {**asdict(self), "after": page_token}
        query = urlencode({name: value for name, value in given.items() if value})
        return f"/tasks/queue?{query}" if query else "/tasks/queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A job in the list."""

    job_id: str
    short: str
    objective: str
    state: str
    friendly: str
    look: str
    repository: str
    runtime: str
    publish: str
    steps: int
    done: int
    created: datetime | None


class Jobs:
    """The list and its live part."""

    def __init__(self, orchestrator: OrchestratorClient) -> None:
        self._orchestrator = orchestrator

    def routes(self) -> Sequence[BaseRoute]:
        """Where they are."""
        return [Route("/tasks/queue", self.listed)]

    async def listed(self, request: Request) -> Response:
        """The page, or the rows alone; what cannot be read is told in their place."""
        asked, after = Asked.of(request.query_params), request.query_params.get("after", "")
        rows: Sequence[Row] = ()
        trouble: Refusal | None = None
        token = ""
        try:
            answer = await self._orchestrator.jobs(
                page_size=PAGE_SIZE,
                page_token=after,
                states=[_STATES[asked.state]] if asked.state else (),
                runtime=asked.runtime,
                repository=asked.repository,
                skill=asked.skill,
                publish_mode=asked.publish,
                label=asked.label,
                text=asked.text,
            )
            rows, token = [row_of(job) for job in answer.jobs], answer.next_page_token
        except Refusal as refusal:
            trouble = refusal
        return page(
            request,
            "job_rows.html" if "x-pawl-piece" in request.headers else "jobs.html",
            {
                "asked": asked,
                "states": STATES,
                # Also one that is not known here: else it would narrow the list unseen.
                "runtimes": [*RUNTIMES, *({asked.runtime} - {"", *RUNTIMES})],
                "publishing": PUBLISHING,
                "longest_text": LONGEST_TEXT,
                "jobs": rows,
                "trouble": trouble,
                "newest": asked.address() if after else "",
                "next": asked.address(token) if token else "",
            },
        )


def row_of(job: Job) -> Row:
    """What the list shows of a job."""
    friendly, look = friendly_state(job)
    # The last digits: the first ones are the time, and alike for all of one day.
    short = job.job_id[-8:]
    return Row(
        job_id=job.job_id,
        short=short,
        state=JobState.Name(job.state).removeprefix(PREFIX),
        friendly=friendly,
        look=look,
        objective=job.objective or f"Job {short}",
        repository=job.repository,
        runtime=job.runtime,
        publish=dict(PUBLISHING).get(job.publish_mode, job.publish_mode),
        steps=len(job.steps),
        done=sum(step.state == StepState.STEP_STATE_SUCCEEDED for step in job.steps),
        created=moment(job.create_time),
    )


def friendly_state(job: Job) -> tuple[str, str]:
    """What a person calls the job's state, and how it looks."""
    if job.HasField("cancel_requested") and job.state == JobState.JOB_STATE_RUNNING:
        return "Stopping", "wait"
    match job.state:
        case JobState.JOB_STATE_QUEUED:
            return "Waiting", "wait"
        case JobState.JOB_STATE_RUNNING:
            return "Running", "busy"
        case JobState.JOB_STATE_SUCCEEDED:
            return _DONE.get(job.outcome, "Done"), "good"
        case JobState.JOB_STATE_CANCELLED:
            return "Cancelled", "still"
        case _:
            return (job.failure.reason.replace("_", " ").capitalize() or "Failed"), "bad"


_DONE = {
    JobOutcome.JOB_OUTCOME_PULL_REQUEST: "Pull request",
    JobOutcome.JOB_OUTCOME_BRANCH: "Branch",
    JobOutcome.JOB_OUTCOME_NO_CHANGES: "No changes",
    JobOutcome.JOB_OUTCOME_PUBLISH_DISABLED: "Done",
}
