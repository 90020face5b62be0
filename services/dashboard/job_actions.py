"""What a person can do to a job: cancel it, open it again."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pawl.client import Job, JobState, OrchestratorClient
from services.dashboard.asked import json_object
from services.dashboard.bodies import LARGEST, refuse, text_of
from services.dashboard.streams import Streams

LONGEST_REASON = 1_000


class JobActions:
    """Passes on what a person decides."""

    def __init__(self, orchestrator: OrchestratorClient, streams: Streams) -> None:
        self._orchestrator = orchestrator
        self._streams = streams

    def routes(self) -> Sequence[BaseRoute]:
        """Where it is asked for."""
        return [
            Route("/api/jobs/{job_id:str}/cancel", self.cancel, methods=["POST"]),
            Route("/api/jobs/{job_id:str}/retry", self.retry, methods=["POST"]),
        ]

    async def cancel(self, request: Request) -> Response:
        """Asks the job to stop; the page tells how that goes on."""
        reason = text_of(await json_object(request), "reason", default="")
        if len(reason) > LONGEST_REASON:
            refuse("reason", f"reason may have at most {LONGEST_REASON} characters; shorten it.")
        job = await self._orchestrator.cancel(request.path_params["job_id"], reason.strip())
        return JSONResponse(_told(job))

    async def retry(self, request: Request) -> Response:
        """Opens the job again, unless another attempt has ended since the one that was seen."""
        asked = await json_object(request)
        step = _number(asked, "from", "the index of a step")
        attempt = _number(asked, "attempt", "the attempt that was seen to end")
        job = await self._orchestrator.retry(
            request.path_params["job_id"], from_step=step, ended_attempt=attempt
        )
        self._streams.forget(job.job_id)
        return JSONResponse(_told(job))


def _number(asked: Mapping[str, object], field: str, meant: str) -> int | None:
    number = asked.get(field)
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST:
        refuse(field, f"{field} has to be {meant}, or nothing.")
    return number


def _told(job: Job) -> dict[str, object]:
    return {
        "jobId": job.job_id,
        "state": JobState.Name(job.state).removeprefix("JOB_STATE_"),
        "attempt": job.attempt,
    }
