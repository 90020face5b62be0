"""Tasks out of files into the form, and out of the form into files and commands."""

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pawl.cli import payload
from pawl.cli.refusals import Unusable
from services.dashboard.asked import json_object
from services.dashboard.bodies import payload_of, refuse, text_of
from services.dashboard.queueing import queueing_of
from services.dashboard.shown import visible
from services.dashboard.written import COMMANDS, FILES


class Exchange:
    """What the page of a new task asks for beside its checks."""

    def __init__(self, *, target: str) -> None:
        self._target = target

    def routes(self) -> Sequence[BaseRoute]:
        """Where it is."""
        return [
            Route("/api/tasks/read", self.read, methods=["POST"]),
            Route("/api/tasks/write", self.write, methods=["POST"]),
        ]

    async def read(self, request: Request) -> Response:
        """The payload in a file's text, as `pawl submit` would read it."""
        body = await json_object(request)
        name = text_of(body, "name")
        try:
            # Long YAML takes seconds to read and to write.
            given = await asyncio.to_thread(payload.parsed, text_of(body, "text", default=""), name)
        except Unusable as problem:
            refuse("text", visible(str(problem)), reason="TASK_UNUSABLE")
        return JSONResponse({"payload": given.value})

    async def write(self, request: Request) -> Response:
        """A payload as a file's text, or as a command that submits it."""
        body = await json_object(request)
        task, form = payload_of(body), text_of(body, "as")
        if form in FILES:
            return JSONResponse({"text": await asyncio.to_thread(FILES[form], task)})
        if form not in COMMANDS:
            refuse("as", f"as has to be one of {', '.join((*FILES, *COMMANDS))}.")
        request_id = text_of(body, "requestId")
        text = await asyncio.to_thread(
            COMMANDS[form],
            task,
            target=self._target,
            request_id=request_id,
            queueing=queueing_of(body),
        )
        return JSONResponse({"text": text})
