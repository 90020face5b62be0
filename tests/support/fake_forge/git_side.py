"""The fake forge as git reaches it: smart HTTP over the same repositories as its API."""

import re
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from tests.support.fake_forge.audit import Audit
from tests.support.fake_forge.manners import Operation
from tests.support.fake_forge.repository import Repository
from tests.support.git_backend import GitAnswer, ask_git

PATH = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?/(?P<rest>info/refs|git-(?:upload|receive)-pack)"
)
OPERATIONS = {
    "info/refs": Operation.ADVERTISE,
    "git-upload-pack": Operation.UPLOAD,
    "git-receive-pack": Operation.PUSH,
}


@dataclass(frozen=True, slots=True)
class GitRequest:
    """What git asks for, and of which repository."""

    operation: Operation
    repository: str
    """``owner/name``."""
    rest: str


def git_request(path: str) -> GitRequest | None:
    """What a request's path asks for; None where it is not git that asks."""
    match = PATH.fullmatch(path.partition("?")[0])
    if match is None:
        return None
    name = f"{match['owner']}/{match['name']}"
    return GitRequest(OPERATIONS[match["rest"]], name, match["rest"])


def pushed_refs(body: bytes) -> list[tuple[str, str, str]]:
    """The old commit, the new one and the name of every ref that a push is about."""
    refs = []
    while (size := int(body[:4] or b"0", 16)) > 4:
        old, new, name = body[4:size].partition(b"\0")[0].decode().split()
        refs.append((old, new, name))
        body = body[size:]
    return refs


def serve_git(
    handler: BaseHTTPRequestHandler,
    body: bytes,
    *,
    asked: GitRequest,
    repository: Repository,
    audit: Audit,
    caller: str,
) -> GitAnswer:
    """Does what git asks; a push is written down, with where its branch is now."""
    assert repository.git is not None
    git = repository.git
    path = f"/{git.name}/{asked.rest}"
    if asked.operation is not Operation.PUSH:
        return ask_git(handler, body, folder=git.parent, path=path)
    answer = ask_git(handler, body, folder=git.parent, path=path)
    for old, new, name in pushed_refs(body):
        there = repository.commit(name.removeprefix("refs/heads/"))
        audit.record(
            Operation.PUSH,
            caller,
            handler.headers.get("X-Request-Id", ""),
            {"repository": asked.repository, "ref": name, "old": old, "new": new, "now": there},
        )
    return answer
