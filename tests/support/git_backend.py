"""Git's own side of smart HTTP, for the servers of tests: one request through `http-backend`."""

import base64
import os
import subprocess
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

# No housekeeping in the background: it would outlive the server whose request set it off.
CONFIGURATION = {"http.receivepack": "true", "receive.autogc": "false"}


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """What git wants the caller to be told."""

    status: int
    headers: dict[str, str]
    content: bytes

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        """Tells it."""
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.content)


def ask_git(
    handler: BaseHTTPRequestHandler, body: bytes, *, folder: Path, path: str = ""
) -> GitAnswer:
    """Does what a request asks of the repositories in `folder`; `path` stands for its own."""
    asked, _, query = handler.path.partition("?")
    environment = {
        "PATH": os.defpath,
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(CONFIGURATION)),
        "REQUEST_METHOD": handler.command,
        "PATH_INFO": path or asked,
        "QUERY_STRING": query,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
    }
    for number, (key, value) in enumerate(CONFIGURATION.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    done = subprocess.run(
        ["git", "http-backend"], input=body, capture_output=True, env=environment, check=False
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
    return GitAnswer(int(headers.pop("Status", "200").split()[0]), headers, content)


def password_of(handler: BaseHTTPRequestHandler) -> str | None:
    """The password of basic auth, where a request has one."""
    kind, _, value = handler.headers.get("Authorization", "").partition(" ")
    return base64.b64decode(value).decode().partition(":")[2] if kind == "Basic" else None


def ask_for_password(handler: BaseHTTPRequestHandler) -> None:
    """Refuses a request that has none, or not the right one."""
    handler.send_response(401)
    handler.send_header("WWW-Authenticate", 'Basic realm="git"')
    handler.end_headers()
