"""The page of one job, and the stream that keeps it up to date."""

from collections.abc import Sequence

from google.protobuf.json_format import MessageToDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pawl.client import Job, OrchestratorClient, Stage
from pawl.wire.errors import InvalidArgument, Violation
from services.dashboard.again import as_given
from services.dashboard.look import look_at
from services.dashboard.pages import page
from services.dashboard.pieces import pieces
from services.dashboard.queueing import queued_as
from services.dashboard.streamed import Streamed
from services.dashboard.streams import Streams

SHOWN_OBJECTIVE = 400
"""Characters of the objective that are shown; every prompt has it whole."""


class JobPage:
    """What a person sees of one job."""

    def __init__(self, orchestrator: OrchestratorClient, streams: Streams) -> None:
        self._orchestrator = orchestrator
        self._streams = streams

    def routes(self) -> Sequence[BaseRoute]:
        """Where it is."""
        return [
            Route("/tasks/queue/{job_id:str}", self.shown),
            Route("/api/jobs/{job_id:str}/stream", self.stream),
            Route("/api/jobs/{job_id:str}/task", self.task),
            Route("/api/jobs/{job_id:str}/prompts/{step_index:int}", self.prompt),
        ]

    async def shown(self, request: Request) -> Response:
        """The page as the job is now."""
        look = await look_at(self._orchestrator, request.path_params["job_id"])
        return page(
            request,
            "job.html",
            {
                "job": look.job,
                "objective": _objective(look.job),
                "pieces": pieces(look),
                "rows": _rows(look.job),
            },
        )

    async def stream(self, request: Request) -> Response:
        """What happens from the event on that the browser has not seen."""
        after = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
        if not (after.isascii() and after.isdecimal() and len(after) < 19):
            wrong = Violation("after", "LIMIT_RANGE", "is no number of an event; leave it out")
            raise InvalidArgument([wrong])
        seen = self._streams.view(request.path_params["job_id"], int(after))
        return Streamed(seen, media_type="text/event-stream")

    async def task(self, request: Request) -> Response:
        """Its task, to be edited and submitted as another."""
        job = await self._orchestrator.job(request.path_params["job_id"])
        return JSONResponse({"payload": as_given(job.plan), "queueing": queued_as(job).told()})

    async def prompt(self, request: Request) -> Response:
        """Exactly what the agent of one step is told."""
        job = await self._orchestrator.job(request.path_params["job_id"])
        wanted = request.path_params["step_index"]
        for step in job.plan.steps:
            if step.step_index == wanted:
                skill = {"id": step.skill.id, "args": MessageToDict(step.skill.args)}
                return JSONResponse({"prompt": step.prompt, "skill": skill})
        raise HTTPException(404)


def _objective(job: Job) -> str:
    task = MessageToDict(job.plan.task).get("task") or {}
    whole = " ".join(str(task.get("instructions", "")).split())
    return whole if len(whole) <= SHOWN_OBJECTIVE else whole[: SHOWN_OBJECTIVE - 1] + "…"


def _rows(job: Job) -> list[tuple[str, str]]:
    """What the timeline has a row for."""
    steps = [
        (f"step-{step.step_index}", f"{step.step_index}  {step.title or step.id}")
        for step in job.steps
    ]
    publishes = Stage.STAGE_PUBLISH in job.plan.stages
    last = [("publish", "Publish")] if publishes else []
    return [("wait", "Waiting"), ("prepare", "Prepare"), *steps, *last]
