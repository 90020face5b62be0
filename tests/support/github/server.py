"""Serves on loopback what GitHub says that it answers; notes what it is asked."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.support.github.published import Answer, operation
from tests.support.http_serving import serving

Answering = Callable[[str, str], Answer | None]
"""Of method and path with its query."""


@dataclass
class Asked:
    """What callers have asked for."""

    answer: Answering
    url: str = ""
    operations: list[str] = field(default_factory=list)
    undescribed: list[str] = field(default_factory=list)
    """What was asked or sent that GitHub does not describe."""


def example(method: str, path: str) -> Answer | None:
    """The example in GitHub's description."""
    described = operation(method, urlsplit(path).path)
    return described.example if described else None


@contextmanager
def answering(answer: Answering = example) -> Iterator[Asked]:
    """Answers with `answer`'s until the end of the block; 404 where it has none."""
    asked = Asked(answer)

    class Handler(_Handler):
        pass

    Handler.asked = asked
    with serving(Handler) as asked.url:
        yield asked


class _Handler(BaseHTTPRequestHandler):
    asked: ClassVar[Asked]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Says nothing: the test reads what was asked."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._note(json.loads(body) if body else {})
        found = self.asked.answer(self.command, self.path)
        told = json.dumps(found.body if found else {"message": "Not Found"}).encode()
        status = found.status if found else 404
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        if status != 204:
            self.wfile.write(told)

    def _note(self, sent: dict[str, Any]) -> None:
        parts = urlsplit(self.path)
        described = operation(self.command, parts.path)
        if described is None:
            self.asked.undescribed.append(f"{self.command} {parts.path}")
            return
        self.asked.operations.append(described.name)
        strange = (parse_qs(parts.query).keys() - described.parameters) | (
            sent.keys() - described.fields
        )
        self.asked.undescribed += [f"{described.name}: {name}" for name in sorted(strange)]
