"""Reads what a page of ours sends: one JSON object."""

import json
from typing import Any

from starlette.requests import Request

from pawl.wire.errors import InvalidArgument, Violation


async def json_object(request: Request) -> dict[str, Any]:
    """The request's body. Refuses what is no JSON object; the empty body is an empty one."""
    body = await request.body()
    try:
        told = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        wrong = Violation("", "WRONG_TYPE", "the body has to be a JSON object")
        raise InvalidArgument([wrong])
    return told
