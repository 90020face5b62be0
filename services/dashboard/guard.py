"""What stands before every page: whose request is answered at all, and how browsers are bound.

| a request                                              | is answered by       |
|--------------------------------------------------------|----------------------|
| for a host that is not ours                            | 421                  |
| with a body over the limit                             | 413                  |
| that another site's page made, as the browser tells    | 403                  |
| that changes something, without our own Origin         | 403                  |
| without a session, for a page                          | the login page       |
| without a session, for anything else                   | 401                  |
| that changes something, without the session's own word | 403                  |
"""

import hmac
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.dashboard.origins import Origins
from services.dashboard.sessions import Sessions

LARGEST_BODY = 4 * 1024 * 1024
READING = {"GET", "HEAD"}
OPEN = ("/login", "/static/", "/healthz")
"""What needs no session."""
CSRF = "x-pawl-csrf"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Lets requests through to the pages, or answers them itself."""

    def __init__(self, pages: ASGIApp, *, origins: Origins, sessions: Sessions) -> None:
        self._pages = pages
        self._origins = origins
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            raise LookupError(f"nothing here speaks {scope['type']}")
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, _bound(send))
            return
        await self._pages(scope, _limited(receive), _bound(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        if len(headers.getlist("host")) != 1 or headers["host"] not in self._origins.hosts:
            return _no(
                421,
                "No dashboard of Pawl is told to answer here; PAWL_DASHBOARD_ORIGINS names where.",
            )
        if _announced(headers) > LARGEST_BODY:
            return _no(413, f"At most {LARGEST_BODY // 1024 // 1024} MiB are taken.")
        if path == "/healthz":
            return None
        if not self._from_here(headers, method, path):
            return _no(
                403,
                "Only pages from where PAWL_DASHBOARD_ORIGINS names may ask for this.",
            )
        session = self._sessions.of(HTTPConnection(scope))
        scope.setdefault("state", {})["session"] = session
        if path.startswith(OPEN):
            return None
        if session is None:
            return _login(scope, method, headers)
        if method not in READING and not hmac.compare_digest(
            headers.get(CSRF, "").encode(), session.csrf.encode()
        ):
            return _no(403, "The page is out of date; load it anew.")
        return None

    def _from_here(self, headers: Headers, method: str, path: str) -> bool:
        """Whether our own page asked, or a person by a link or the address bar."""
        origins, site = headers.getlist("origin"), headers.get("sec-fetch-site")
        if origins and (len(origins) > 1 or origins[0] not in self._origins.allowed):
            return False
        if method not in READING:
            return bool(origins)
        # A page may be linked to from anywhere; what a page's script reads, from our own alone.
        navigation = headers.get("sec-fetch-mode", "navigate") == "navigate"
        return site in {None, "same-origin", "none"} or (navigation and not path.startswith("/api"))


def _login(scope: Scope, method: str, headers: Headers) -> Response:
    if method in READING and "text/html" in headers.get("accept", ""):
        asked = scope["path"] + (
            f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        )
        return RedirectResponse(f"/login?next={quote(asked)}", status_code=303)
    return JSONResponse({"reason": "UNAUTHENTICATED", "message": "Log in."}, status_code=401)


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 12 else LARGEST_BODY + 1


def _no(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence + "\n", status_code=status)


def _limited(receive: Receive) -> Receive:
    """Ends a body that grows beyond what was announced, or what is taken."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            return {"type": "http.disconnect"}
        return message

    return bounded


def _bound(send: Send) -> Send:
    """Adds to every answer what it forbids the browser."""

    async def bound(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return bound
