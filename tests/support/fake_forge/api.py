"""GitHub's paths and bodies over what the fake forge's repositories hold."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.fake_forge.forge import FakeForge
from tests.support.fake_forge.manners import Operation
from tests.support.fake_forge.repository import Invalid, Pull, Repository
from tests.support.fake_forge.telling import told

PATH = re.compile(r"/repos/(?P<owner>[^/]+)/(?P<name>[^/]+)(?P<rest>/.*)?")
NUMBERED = re.compile(r"/(?:pulls|issues)/(\d+)(/labels|/comments|/merge)?")
REF = "/git/refs/heads/"
QUOTED = re.compile(r'"([^"]*)"')
READS = {
    Operation.REPOSITORY,
    Operation.LIST,
    Operation.SEARCH,
    Operation.PULL,
    Operation.COMMENTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request of the API's."""

    forge: FakeForge
    command: str
    path: str
    request_id: str
    sent: dict[str, Any]

    def asked(self) -> tuple[Operation, Repository] | None:
        """What the request is for, and of which repository; None for what there is not."""
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
        if self.command == "DELETE" and rest.startswith(REF):
            return Operation.DELETE_BRANCH
        numbered = NUMBERED.fullmatch(rest)
        if not numbered or not 1 <= int(numbered[1]) <= len(repository.pulls):
            return None
        return {
            ("GET", None): Operation.PULL,
            ("PATCH", None): Operation.CLOSE,
            ("PUT", "/merge"): Operation.MERGE,
            ("POST", "/labels"): Operation.LABEL,
            ("GET", "/comments"): Operation.COMMENTS,
            ("POST", "/comments"): Operation.COMMENT,
        }.get((self.command, numbered[2]))

    def do(
        self, operation: Operation, repository: Repository, caller: str, *, stale: bool = False
    ) -> tuple[int, Any]:
        """Does what is asked: the status and the body to answer with."""
        with repository.lock:
            if operation in READS:
                return 200, self._read(operation, repository, stale=stale)
            try:
                changed, answer = self._change(operation, repository)
            except Invalid as error:
                return 422, {"message": "Validation Failed", "errors": [{"message": str(error)}]}
            name = {"repository": f"{repository.owner}/{repository.name}"}
            self.forge.audit.record(operation, caller, self.request_id, name | changed)
            created = operation in {Operation.OPEN, Operation.COMMENT}
            return 201 if created else 200, answer

    def _read(self, operation: Operation, repository: Repository, *, stale: bool) -> Any:
        query = self._query()
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
            pulls = repository.listed(query.get("head"), query.get("state", "open"), stale=stale)
            return [self._told(repository, pull) for pull in pulls[window]]
        words = QUOTED.search(query.get("q", ""))
        pulls = repository.found(words[1] if words else "", stale=stale)
        items = [{"number": pull.number, "body": pull.body} for pull in pulls[window]]
        return {"total_count": len(pulls), "incomplete_results": False, "items": items}

    def _change(
        self, operation: Operation, repository: Repository
    ) -> tuple[dict[str, object], Any]:
        """What is to be written down of a change, and what to answer."""
        sent = self.sent
        changed: dict[str, object] = {}
        if operation is Operation.DELETE_BRANCH:
            branch = unquote(urlsplit(self.path).path.partition(REF)[2])
            repository.delete(branch)
            return {"head": branch}, {}
        if operation is Operation.OPEN:
            pull = repository.open(
                title=sent["title"],
                body=sent.get("body", ""),
                head=sent["head"],
                base=sent["base"],
                draft=sent.get("draft", False),
            )
            changed = {"commit": pull.head_commit, "base": pull.base, "body": pull.body}
        else:
            pull = self._pull(repository)
        if operation is Operation.LABEL:
            pull.labels += [label for label in sent["labels"] if label not in pull.labels]
        elif operation is Operation.COMMENT:
            pull.comments.append(sent["body"])
        elif operation is Operation.MERGE:
            pull.state, pull.merged = "closed", True
        elif operation is Operation.CLOSE:
            pull.state = sent.get("state", pull.state)
        numbered = {"pull": pull.number, "head": pull.head}
        return numbered | changed, self._told(repository, pull)

    def _pull(self, repository: Repository) -> Pull:
        numbered = re.search(r"/(\d+)(?:/|$)", urlsplit(self.path).path.partition("/repos/")[2])
        assert numbered is not None
        return repository.pulls[int(numbered[1]) - 1]

    def _told(self, repository: Repository, pull: Pull) -> dict[str, Any]:
        link = f"{self.forge.url}/{repository.owner}/{repository.name}/pull/{pull.number}"
        return told(repository, pull, self.forge.html_url or link)

    def about(self, operation: Operation, repository: Repository) -> dict[str, str]:
        """Which repository, branch and text a request is about, as far as it says."""
        query = self._query()
        about = {"repository": f"{repository.owner}/{repository.name}"}
        if operation is Operation.OPEN:
            return about | {"head": str(self.sent["head"])}
        if "head" in query:
            return about | {"head": query["head"].partition(":")[2]}
        return about | ({"words": query["q"]} if "q" in query else {})

    def _query(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
