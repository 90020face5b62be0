"""A smart-HTTP git server, with the refusals real hosts give.

It serves the bare repositories below a folder by ``git http-backend``. What it was asked is kept
in `requests`, so that a test can say what never went over the wire.

``python -m tests.support.git_server --port PORT FOLDER`` serves until interrupted.
"""

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

from tests.support.git_backend import ask_for_password, ask_git, password_of
from tests.support.http_serving import serving

HELD_SECONDS = 60


@dataclass
class GitServer:
    """A running server; change the fields to change its manners."""

    folder: Path
    url: str = ""
    token: str | None = None
    """Needed as the password of basic auth, when set."""
    readers: set[str] = field(default_factory=set)
    """Passwords that do as well as the token, but not to push."""
    answer: int | None = None
    """A status given to every request instead of an answer."""
    location: str = "http://127.0.0.1:9/elsewhere.git"
    """Where a 30x answer points."""
    lose_answers_to: str | None = None
    """A service whose work is done and whose answer is cut off, as by a broken connection."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Authorization header of every request."""
    held: "Held | None" = None
    """Set by `holding`."""

    @contextmanager
    def holding(self, service: str) -> Iterator[threading.Event]:
        """Keeps what asks for a service waiting to the end of the block.

        The event is set once somebody waits.
        """
        self.held = Held(service)
        try:
            yield self.held.waited_for
        finally:
            self.held.over.set()
            self.held = None


@dataclass(frozen=True)
class Held:
    """A service nobody is served for a while, such as ``git-receive-pack``."""

    service: str
    waited_for: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def git_server(folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[GitServer]:
    """Serves ``<url>/<name>`` from ``<folder>/<name>`` until the end of the block."""
    state = GitServer(folder=folder)

    class Handler(_Handler):
        server_state = state

    with serving(Handler, host=host, port=port) as state.url:
        yield state


class _Handler(BaseHTTPRequestHandler):
    server_state: ClassVar[GitServer]
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Says nothing: the tests read `requests`."""

    def _serve(self) -> None:
        state = self.server_state
        state.requests.append((self.path, self.headers.get("Authorization")))
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if state.held is not None and state.held.service in self.path:
            held = state.held
            held.waited_for.set()
            held.over.wait(HELD_SECONDS)
        if state.answer:
            self.send_response(state.answer)
            if 300 <= state.answer < 400:
                self.send_header("Location", state.location + self.path)
            self.end_headers()
        elif state.token and not self._allowed(state.token):
            ask_for_password(self)
        else:
            self._answer(body)

    def _allowed(self, token: str) -> bool:
        given = password_of(self)
        reads = given in self.server_state.readers and "receive-pack" not in self.path
        return reads or given == token

    def _answer(self, body: bytes) -> None:
        answer = ask_git(self, body, folder=self.server_state.folder)
        lost = self.server_state.lose_answers_to
        if lost and self.command == "POST" and self.path.partition("?")[0].endswith(lost):
            self.close_connection = True
            return
        answer.send(self)


def main() -> None:
    """Serves until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.git_server")
    parser.add_argument("folder", type=Path, help="where the bare repositories are")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one")
    parser.add_argument("--token-file", type=Path, help="holds the password of basic auth")
    options = parser.parse_args()
    leave = {signal.SIGINT, signal.SIGTERM}
    # Blocked before any thread starts, so that every thread inherits it and only sigwait sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, leave)
    with git_server(options.folder, host=options.host, port=options.port) as server:
        server.token = options.token_file.read_text().strip() if options.token_file else None
        print(f"git server: {server.url}", flush=True)
        signal.sigwait(leave)


if __name__ == "__main__":
    main()
