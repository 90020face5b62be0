"""Logging in with the token, and out."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from services.dashboard.pages import page, session_of
from services.dashboard.sessions import Sessions

LONGEST_FORM = 8 * 1024


class Login:
    """The two things that a browser without a session can do."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def form(self, request: Request) -> Response:
        """Asks for the token. Only a page of our own is gone on to."""
        return page(request, "login.html", {"next": _inside(request.query_params)})

    async def enter(self, request: Request) -> Response:
        """Begins a session."""
        body = await request.body()
        given = parse_qs(body[:LONGEST_FORM].decode("utf-8", "replace"))
        destination = _inside({name: values[0] for name, values in given.items()})
        if not self._sessions.admits(given.get("token", [""])[0].strip()):
            return PlainTextResponse("This is not the token.\n", status_code=403)
        answer = RedirectResponse(destination, status_code=303)
        self._sessions.begin(answer, going_on=session_of(request))
        return answer

    async def leave(self, _request: Request) -> Response:
        """Ends the session."""
        answer = RedirectResponse("/login", status_code=303)
        self._sessions.end(answer)
        return answer


def _inside(given: Mapping[str, str]) -> str:
    """Where to go on to: a path of ours, or the jobs."""
    wished = given.get("next", "")
    plain = wished.startswith("/") and not wished.startswith(("//", "/\\")) and wished.isprintable()
    return wished if plain else "/tasks/queue"
