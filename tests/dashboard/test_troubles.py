"""What a browser is told when a page cannot be made."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Scope

from services.dashboard.troubles import TROUBLES


async def test_a_body_that_is_cut_off_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever left in the middle of a request had the log tell of a bug."""

    async def reads(request: Request) -> Response:
        return Response(await request.body())

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        told.append(message)

    told: list[Message] = []
    pages = Starlette(routes=[Route("/", reads, methods=["POST"])], exception_handlers=TROUBLES)
    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    await pages({**scope, "query_string": b""}, receive, send)

    assert told[0]["status"] == 413
    assert "page_failed" not in capsys.readouterr().out
