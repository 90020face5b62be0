"""The bodies and headers of a forge that does not do what it is asked."""

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.fake_forge.manners import Manner

GIGABYTE = 1024**3
BLOCK = b" " * 65536


@dataclass(frozen=True)
class Refusal:
    """An answer that does nothing."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def _refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Refusal:
    return Refusal(status, json.dumps({"message": message}).encode(), headers or {})


REFUSALS = {
    Manner.UNAUTHORIZED: _refusal(401, "Bad credentials"),
    Manner.FORBIDDEN: _refusal(403, "Resource not accessible by personal access token"),
    Manner.NOT_FOUND: _refusal(404, "Not Found"),
    Manner.INVALID: _refusal(422, "Validation Failed"),
    Manner.UNSEARCHABLE: _refusal(
        422,
        "The listed users and repositories cannot be searched either because the resources do not "
        "exist or you do not have permission to view them.",
    ),
    Manner.RATE_LIMITED: _refusal(429, "API rate limit exceeded", {"Retry-After": "7"}),
    Manner.SECONDARY_LIMIT: _refusal(
        403, "You have exceeded a secondary rate limit.", {"Retry-After": "9"}
    ),
    Manner.SERVER_ERROR: _refusal(500, "Server Error"),
    Manner.HTML: Refusal(502, b"<html>Unicorn!</html>", {"Content-Type": "text/html"}),
    Manner.MOVED: _refusal(
        301, "Moved Permanently", {"Location": "http://127.0.0.1:9/repositories/1"}
    ),
    Manner.REDIRECT: Refusal(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
}


def stream_a_gigabyte(handler: BaseHTTPRequestHandler) -> None:
    """Answers 200 with a body nobody should read to its end."""
    handler.send_response_only(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    try:
        for _ in range(GIGABYTE // len(BLOCK)):
            handler.wfile.write(BLOCK)
    except (BrokenPipeError, ConnectionResetError):
        handler.close_connection = True  # The caller had enough, as it should.
