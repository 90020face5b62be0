"""The fake forge's HTTP side: GitHub's paths and bodies over what the repositories hold."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Manner, Manners, Operation
from tests.support.fake_forge.refusals import REFUSALS, stream_a_gigabyte
from tests.support.fake_forge.repository import Invalid, Pull, Repository

PATH = re.compile(r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)(?P<rest>/.*)?")
NUMBERED = re.compile(r"/(?:pulls|issues)/(\d+)(/labels|/comments)?")
QUOTED = re.compile(r'"([^"]*)"')
READS = {
    Operation.REPOSITORY,
    Operation.LIST,
    Operation.SEARCH,
    Operation.PULL,
    Operation.COMMENTS,
}


@dataclass
class FakeForge:
    """A running forge; change its fields while it runs to change what callers meet."""

    audit: Audit
    tokens: dict[str, str]
    """Who holds which token; a caller without one is refused."""
    repositories: dict[str, Repository]
    """By ``owner/name``."""
    manners: Manners = field(default_factory=Manners)
    url: str = ""
    html_url: str | None = None
    """Told of every pull request instead of its true address, when set."""
    scopes: str | None = "repo"
    push: bool = True


@contextmanager
def fake_forge(forge: FakeForge, *, port: int = 0) -> Iterator[FakeForge]:
    """Serves `forge` on this machine until the end of the block."""

    class Handler(_Handler):
        pass

    Handler.forge = forge
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        forge.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield forge
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    forge: ClassVar[FakeForge]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Says nothing: the audit log tells what was done."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        token = self.headers.get("Authorization", "").rpartition(" ")[2]
        caller = self.forge.tokens.get(token)
        asked = self._asked()
        if caller is None:
            self._answer(401, {"message": "Bad credentials"})
        elif asked is None:
            self._answer(404, {"message": "Not Found"})
        else:
            operation, repository = asked
            manner = self.forge.manners.of(operation)
            if manner in {Manner.FAITHFUL, Manner.DONE_UNANSWERED}:
                status, result = self._do(operation, repository, json.loads(body or b"{}"), caller)
                if manner is Manner.FAITHFUL:
                    self._answer(status, result)
            elif manner is Manner.HUGE:
                stream_a_gigabyte(self)
            elif manner is not Manner.LOST:
                refusal = REFUSALS[manner]
                self._send(refusal.status, refusal.body, refusal.headers)

    def _asked(self) -> tuple[Operation, Repository] | None:
        parts = urlsplit(self.path)
        if parts.path == "/search/issues":
            named = re.search(r"\brepo:(\S+)", parse_qs(parts.query).get("q", [""])[0])
            repository = self.forge.repositories.get(named[1] if named else "")
            return (Operation.SEARCH, repository) if repository else None
        match = PATH.fullmatch(parts.path)
        repository = match and self.forge.repositories.get(f"{match['owner']}/{match['name']}")
        if not match or not repository:
            return None
        operation = self._operation(match["rest"] or "", repository)
        return (operation, repository) if operation else None

    def _operation(self, rest: str, repository: Repository) -> Operation | None:
        whole = {
            ("GET", ""): Operation.REPOSITORY,
            ("GET", "/pulls"): Operation.LIST,
            ("POST", "/pulls"): Operation.OPEN,
        }
        if (self.command, rest) in whole:
            return whole[self.command, rest]
        numbered = NUMBERED.fullmatch(rest)
        if not numbered or not 1 <= int(numbered[1]) <= len(repository.pulls):
            return None
        return {
            ("GET", None): Operation.PULL,
            ("PATCH", None): Operation.CLOSE,
            ("POST", "/labels"): Operation.LABEL,
            ("GET", "/comments"): Operation.COMMENTS,
            ("POST", "/comments"): Operation.COMMENT,
        }.get((self.command, numbered[2]))

    def _do(
        self, operation: Operation, repository: Repository, sent: dict[str, Any], caller: str
    ) -> tuple[int, Any]:
        with repository.lock:
            if operation in READS:
                return 200, self._read(operation, repository)
            try:
                pull = self._change(operation, repository, sent)
            except Invalid as error:
                return 422, {"message": "Validation Failed", "errors": [{"message": str(error)}]}
            request = self.headers.get("X-Request-Id") or uuid4().hex
            changed = {"repository": f"{repository.owner}/{repository.name}", "pull": pull.number}
            self.forge.audit.record(operation, caller, request, changed | {"head": pull.head})
            created = operation in {Operation.OPEN, Operation.COMMENT}
            return 201 if created else 200, self._told(repository, pull)

    def _read(self, operation: Operation, repository: Repository) -> Any:
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        if operation is Operation.REPOSITORY:
            return {
                "full_name": f"{repository.owner}/{repository.name}",
                "default_branch": repository.default_branch,
                "permissions": {"push": self.forge.push},
            }
        if operation is Operation.PULL:
            return self._told(repository, self._pull(repository))
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        window = slice(size * (page - 1), size * page)
        if operation is Operation.COMMENTS:
            return [{"body": words} for words in self._pull(repository).comments[window]]
        if operation is Operation.LIST:
            pulls = repository.listed(query.get("head"), query.get("state", "open"))
            return [self._told(repository, pull) for pull in pulls[window]]
        words = QUOTED.search(query.get("q", ""))
        pulls = repository.found(words[1] if words else "")
        items = [{"number": pull.number, "body": pull.body} for pull in pulls[window]]
        return {"total_count": len(pulls), "incomplete_results": False, "items": items}

    def _change(self, operation: Operation, repository: Repository, sent: dict[str, Any]) -> Pull:
        if operation is Operation.OPEN:
            return repository.open(
                title=sent["title"],
                body=sent.get("body", ""),
                head=sent["head"],
                base=sent["base"],
                draft=sent.get("draft", False),
            )
        pull = self._pull(repository)
        if operation is Operation.LABEL:
            pull.labels += [label for label in sent["labels"] if label not in pull.labels]
        elif operation is Operation.COMMENT:
            pull.comments.append(sent["body"])
        else:
            pull.state = sent.get("state", pull.state)
        return pull

    def _pull(self, repository: Repository) -> Pull:
        numbered = re.search(r"/(\d+)(?:/|$)", urlsplit(self.path).path.partition("/repos/")[2])
        assert numbered is not None
        return repository.pulls[int(numbered[1]) - 1]

    def _told(self, repository: Repository, pull: Pull) -> dict[str, Any]:
        name = f"{repository.owner}/{repository.name}"
        head_repository = f"{pull.head_owner}/{repository.name}"
        return {
            "number": pull.number,
            "html_url": self.forge.html_url or f"{self.forge.url}/{name}/pull/{pull.number}",
            "state": pull.state,
            "merged_at": "2026-01-26T19:01:12Z" if pull.merged else None,
            "draft": pull.draft,
            "title": pull.title,
            "body": pull.body,
            "labels": [{"name": label} for label in pull.labels],
            "head": {
                "ref": pull.head,
                "sha": pull.head_commit,
                "repo": {"full_name": head_repository},
            },
            "base": {"ref": pull.base, "repo": {"full_name": name}},
        }

    def _answer(self, status: int, result: Any) -> None:
        headers = {} if self.forge.scopes is None else {"X-OAuth-Scopes": self.forge.scopes}
        self._send(status, json.dumps(result).encode(), headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for key, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(key, value)
        self.send_header("Date", formatdate(usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
