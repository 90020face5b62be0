"""The fake forge's HTTP side: who asks, which manner it meets, and the answer to it."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from uuid import uuid4

from tests.support.fake_forge.api import ApiRequest
from tests.support.fake_forge.app import App
from tests.support.fake_forge.forge import FakeForge
from tests.support.fake_forge.git_side import GitRequest, git_request, pushed_refs, serve_git
from tests.support.fake_forge.manners import DOING, Manner, Operation
from tests.support.fake_forge.refusals import REFUSALS, stream_a_gigabyte
from tests.support.fake_forge.steering import steer
from tests.support.git_backend import ask_for_password, password_of
from tests.support.http_serving import serving

__all__ = ["FakeForge", "fake_forge"]

STEERING = "/steering"
SCRIPT = "javascript:alert(document.domain)"


@contextmanager
def fake_forge(forge: FakeForge, *, port: int = 0) -> Iterator[FakeForge]:
    """Serves `forge` on this machine until the end of the block."""

    class Handler(_Handler):
        pass

    Handler.forge = forge
    with serving(Handler, port=port) as forge.url:
        yield forge


class _Handler(BaseHTTPRequestHandler):
    forge: ClassVar[FakeForge]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Says nothing: the audit log tells what was done."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        git = git_request(self.path)
        caller = self.forge.caller(self._token())
        of_app = self.forge.app and self.forge.app.asked(self.command, self.path)
        if self.forge.app and of_app:
            self._serve_app(self.forge.app, *of_app, json.loads(body or b"{}"))
        elif caller is None and git:
            ask_for_password(self)
        elif caller is None:
            self._answer(401, {"message": "Bad credentials"})
        elif self.path == STEERING and caller in self.forge.people:
            steer(self.forge, json.loads(body))
            self._answer(200, {})
        elif (self.command, self.path) == ("GET", "/"):
            self._serve_root(caller)
        elif git:
            self._serve_git(git, body, caller)
        else:
            self._serve_api(body, caller)

    def _token(self) -> str:
        return password_of(self) or self.headers.get("Authorization", "").rpartition(" ")[2]

    def _serve_app(self, app: App, operation: Operation, of: str, sent: dict[str, Any]) -> None:
        manner = self._manner(operation, app.caller, {"of": of})
        if manner is Manner.HUGE:
            stream_a_gigabyte(self)
        elif manner not in DOING:
            self._refuse(manner)
        else:
            done = app.do(operation, of, self._token(), sent)
            if done.record:
                self.forge.audit.record(operation, app.caller, uuid4().hex, done.record)
            if manner is not Manner.DONE_UNANSWERED:
                self._answer(done.status, done.body)

    def _beyond(self, operation: Operation, repository: str) -> bool:
        """Whether the token may not do that there; then it has been told so."""
        app = self.forge.app
        refusal = app.refusal(self._token(), operation, repository) if app else None
        if refusal is not None:
            self._answer(refusal.status, refusal.body)
        return refusal is not None

    def _serve_git(self, git: GitRequest, body: bytes, caller: str) -> None:
        repository = self.forge.repositories.get(git.repository)
        if repository is None or repository.git is None:
            self._answer(404, {"message": "Not Found"})
            return
        if self._beyond(git.operation, git.repository):
            return
        about = {"repository": git.repository}
        if git.operation is Operation.PUSH:
            about["head"] = pushed_refs(body)[0][2].removeprefix("refs/heads/")
        manner = self._manner(git.operation, caller, about)
        if manner in DOING:
            answer = serve_git(
                self,
                body,
                asked=git,
                repository=repository,
                audit=self.forge.audit,
                caller=caller,
            )
            if manner is not Manner.DONE_UNANSWERED:
                answer.send(self)
        else:
            # Git takes any page for a list of branches, and would keep a gigabyte of one.
            self._refuse(Manner.HTML if manner is Manner.HUGE else manner)

    def _serve_root(self, caller: str) -> None:
        manner = self._manner(Operation.ROOT, caller, {})
        if manner is Manner.HUGE:
            stream_a_gigabyte(self)
        elif manner not in DOING:
            self._refuse(manner)
        elif manner is not Manner.DONE_UNANSWERED:
            self._answer(200, {"repository_url": f"{self.forge.url}/repos/{{owner}}/{{repo}}"})

    def _serve_api(self, body: bytes, caller: str) -> None:
        request = ApiRequest(
            forge=self.forge,
            command=self.command,
            path=self.path,
            request_id=self.headers.get("X-Request-Id") or uuid4().hex,
            sent=json.loads(body or b"{}"),
        )
        asked = request.asked()
        if asked is None:
            self._answer(404, {"message": "Not Found"})
            return
        if self._beyond(asked[0], f"{asked[1].owner}/{asked[1].name}"):
            return
        manner = self._manner(asked[0], caller, request.about(*asked))
        if manner in DOING:
            status, result = request.do(*asked, caller, stale=manner is Manner.STALE)
            if manner is Manner.SCRIPT_LINK and isinstance(result, dict) and "html_url" in result:
                result["html_url"] = SCRIPT
            if manner is not Manner.DONE_UNANSWERED:
                self._answer(status, result)
        elif manner is Manner.DONE_LATE and asked[0] is Operation.OPEN:
            self.connection.shutdown(socket.SHUT_RDWR)
            time.sleep(self.forge.late_seconds)
            request.do(*asked, caller)
        elif manner is Manner.HUGE:
            stream_a_gigabyte(self)
        else:
            self._refuse(manner)

    def _manner(self, operation: Operation, caller: str, about: dict[str, str]) -> Manner:
        if caller in self.forge.people:
            return Manner.FAITHFUL
        manner = self.forge.manners.of(operation)
        if manner is not Manner.FAITHFUL and self.forge.answers is not None:
            self.forge.answers.record(operation, caller, "", {"manner": manner, **about})
        return manner

    def _refuse(self, manner: Manner) -> None:
        if manner in {Manner.LOST, Manner.DONE_LATE}:
            return
        refusal = REFUSALS[manner]
        pause = self.forge.retry_after
        headers = dict(refusal.headers)
        if pause is not None and "Retry-After" in headers:
            headers["Retry-After"] = str(pause)
        self._send(refusal.status, refusal.body, headers)

    def _answer(self, status: int, result: Any) -> None:
        headers = {} if self.forge.scopes is None else {"X-OAuth-Scopes": self.forge.scopes}
        body = b"" if status == 204 else json.dumps(result).encode()
        self._send(status, body, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for key, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(key, value)
        self.send_header("Date", formatdate(usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
