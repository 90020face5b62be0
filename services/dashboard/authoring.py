"""Where tasks are written: the page, what judges it as it grows, and the submit."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pawl.cli.plans import facts
from pawl.client import ContractClient, FieldViolation, OrchestratorClient, Plan, Warning  # noqa: A004
from pawl.wire.errors import InvalidArgument, Refusal, Violation
from services.dashboard.asked import json_object
from services.dashboard.bodies import payload_of, text_of
from services.dashboard.hints import Hint, Hints, hints_of
from services.dashboard.pages import page, rendered
from services.dashboard.queueing import HINTS, queueing_of
from services.dashboard.shown import visible

PATIENCE_SECONDS = 2.0
"""What the page waits for the contract's hints, which it can do without."""

EFFORTS = {
    "codex": ("minimal", "low", "medium", "high", "xhigh"),
    "gemini": ("minimal", "low", "medium", "high", "xhigh"),
    "claude": ("low", "medium", "high", "xhigh", "max"),
}
"""Words that are proposed; the contract takes others, since CLIs learn new ones."""


class Authoring:
    """The page of a new task and what it asks for."""

    def __init__(self, orchestrator: OrchestratorClient, contract: ContractClient) -> None:
        self._orchestrator = orchestrator
        self._contract = contract

    def routes(self) -> Sequence[BaseRoute]:
        """Where they are."""
        return [
            Route("/tasks/queue/new", self.form),
            Route("/api/tasks", self.submit, methods=["POST"]),
            Route("/api/tasks/validate", self.validate, methods=["POST"]),
        ]

    async def form(self, request: Request) -> Response:
        """An empty form that tells the deployment's defaults."""
        hints = await self._hints()
        values = {"hints": hints, "queueing": HINTS, "no_hint": Hint(), "efforts": EFFORTS}
        return page(request, "new.html", values)

    async def validate(self, request: Request) -> Response:
        """Everything that is wrong with a payload, or what would run."""
        answer = await self._contract.validate(payload_of(await json_object(request)))
        told: dict[str, Any] = {
            "violations": list(map(_told, answer.violations)),
            "warnings": list(map(_told, answer.warnings)),
        }
        if answer.HasField("plan"):
            told["digest"] = answer.plan.digest
            # Of a plan with megabytes of prompts it takes a moment, which other pages should not.
            told["preview"] = await asyncio.to_thread(_preview, answer.plan)
        return JSONResponse(told)

    async def submit(self, request: Request) -> Response:
        """Stores a task as a job, once for each request id."""
        body = await json_object(request)
        try:
            queueing = queueing_of(body)
            answer = await self._orchestrator.submit(
                payload_of(body),
                request_id=text_of(body, "requestId"),
                priority=queueing.priority,
                max_attempts=queueing.max_attempts,
                labels=queueing.labels,
                expected_digest=text_of(body, "expectedDigest", default=""),
            )
        except InvalidArgument as refusal:
            told = {"reason": refusal.reason, "message": visible(refusal.message)}
            violations = list(map(_told, refusal.violations))
            return JSONResponse({**told, "violations": violations}, status_code=400)
        return JSONResponse(
            {
                "jobId": answer.job.job_id,
                "replayed": answer.replayed,
                "warnings": list(map(_told, answer.warnings)),
            }
        )

    async def _hints(self) -> Hints:
        """Those of the deployment; none where the contract does not answer."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return hints_of(await self._contract.schema())
        except (Refusal, TimeoutError):
            return {}


def _preview(plan: Plan) -> str:
    root = json_format.MessageToDict(plan.task)
    return rendered("plan.html", {"plan": plan, "facts": facts(root)})


def _told(remark: Violation | FieldViolation | Warning) -> Mapping[str, str]:
    return {
        "field": visible(remark.field),
        "reason": remark.reason,
        "description": visible(remark.description),
    }
