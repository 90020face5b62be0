"""What a browser is told when a page cannot be made."""

import uuid
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from pawl.wire import errors
from pawl.wire.errors import InvalidArgument, Refusal
from services.dashboard.pages import page

MOST_FIELDS = 5
"""What one sentence tells of."""

logger = structlog.get_logger(__name__)

STATUSES: dict[type[Refusal], int] = {
    errors.NotFound: 404,
    errors.InvalidArgument: 400,
    errors.FailedPrecondition: 409,
    errors.Aborted: 409,
    errors.AlreadyExists: 409,
    errors.ResourceExhausted: 429,
    errors.Unavailable: 503,
}


async def _refused(request: Request, refusal: Exception) -> Response:
    """A service said no: its own words, which are made for people."""
    assert isinstance(refusal, Refusal)  # noqa: S101 - what the handler is registered for
    status = next((code for kind, code in STATUSES.items() if isinstance(refusal, kind)), 502)
    return _told(request, status, refusal.reason, _sentence(refusal))


def _sentence(refusal: Refusal) -> str:
    """Its own words; of fields also what is wrong with each, where the words only name them."""
    violations = refusal.violations if isinstance(refusal, InvalidArgument) else ()
    if any(one.description in refusal.message for one in violations):
        return refusal.message
    told = [f"{one.field}: {one.description}" for one in violations[:MOST_FIELDS]]
    return "; ".join(told).removeprefix(": ") or refusal.message


async def _not_there(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    sentence = "There is no such page." if status == 404 else "This cannot be asked for so."
    return _told(request, status, "NOT_FOUND" if status == 404 else "NOT_ALLOWED", sentence)


async def _cut_off(request: Request, _error: Exception) -> Response:
    """The body had no end: it grew over what is taken, or whoever sent it has gone."""
    return _told(request, 413, "TOO_LARGE", "The request was cut off; at most 4 MiB are taken.")


async def _defect(request: Request, error: Exception) -> Response:
    """A bug of ours: the log has it whole, the page a number to find it by."""
    number = uuid.uuid4().hex[:12]
    logger.error("page_failed", correlation_id=number, path=request.url.path, exc_info=error)
    return _told(request, 500, "INTERNAL", f"The page failed; the dashboard's log has {number}.")


def _told(request: Request, status: int, reason: str, sentence: str) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return page(
            request, "trouble.html", {"reason": reason, "sentence": sentence}, status=status
        )
    return JSONResponse({"reason": reason, "message": sentence}, status_code=status)


TROUBLES: dict[Any, Any] = {
    Refusal: _refused,
    HTTPException: _not_there,
    ClientDisconnect: _cut_off,
    Exception: _defect,
}
