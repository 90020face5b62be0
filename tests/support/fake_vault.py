"""A Vault's HTTP API as far as it reads keys and values, with the refusals a real one gives.

Change the fields to change its manners; `requests` tells which paths were asked for.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from tests.support.http_serving import serving

HELD_SECONDS = 30
DRIP_SECONDS = 0.1
DENIED = "preflight capability check returned 403, please ensure client's policies grant access"


@dataclass
class FakeVault:
    """A running Vault."""

    token: str = "hvs.root"
    mounts: dict[str, str] = field(default_factory=lambda: {"kv": "2"})
    """Each with its version of KV, ``1`` or ``2``, or the kind of another engine."""
    secrets: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """By ``mount/path``; None is one whose newest version was deleted."""
    forbidden: set[str] = field(default_factory=set)
    """Secrets that the token's policies do not name."""
    ttl: int = 0
    """Seconds that the token has left; 0 for one that does not end."""
    renewable: bool = True
    knows_itself: bool = True
    """The token's policies let it look at itself."""
    sealed: bool = False
    answer: int | None = None
    """A status given to every request."""
    body: bytes | None = None
    """What stands for every answer's content."""
    location: str = ""
    """Where a 30x answer points."""
    held: threading.Event | None = None
    """Every answer waits for it."""
    drips: bool = False
    """Every answer's content comes a byte at a time, with pauses."""
    address: str = ""
    requests: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    def reads(self, secret: str) -> int:
        """How often a secret was asked for."""
        mount, _, path = secret.partition("/")
        below = f"{mount}/data/{path}" if self.mounts.get(mount) == "2" else secret
        return self.requests.count(f"/v1/{below}")


@contextmanager
def fake_vault() -> Iterator[FakeVault]:
    """Serves until the end of the block."""
    state = FakeVault()

    class Handler(_Handler):
        vault = state

    with serving(Handler) as state.address:
        try:
            yield state
        finally:
            if state.held is not None:
                state.held.set()


class _Handler(BaseHTTPRequestHandler):
    vault: ClassVar[FakeVault]
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        vault = self.vault
        vault.requests.append(self.path)
        vault.tokens.append(self.headers.get("X-Vault-Token"))
        if vault.held is not None:
            vault.held.wait(HELD_SECONDS)
        status, told = self._judge()
        content = json.dumps(told).encode() if vault.body is None else vault.body
        try:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", vault.location + self.path)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            pieces = [bytes([one]) for one in content] if vault.drips else [content]
            for piece in pieces:
                self.wfile.write(piece)
                if vault.drips:
                    time.sleep(DRIP_SECONDS)
        except OSError:
            pass  # whoever asked has stopped listening

    def log_message(self, *_: object) -> None:
        """Says nothing: the tests read `requests`."""

    def _judge(self) -> tuple[int, dict[str, Any]]:
        vault = self.vault
        if vault.answer is not None:
            return vault.answer, _errors("scripted")
        if vault.sealed:
            return 503, _errors("Vault is sealed")
        if self.headers.get("X-Vault-Token") != vault.token:
            return 403, _errors("permission denied")
        if self.headers.get("X-Vault-Request") != "true":
            return 412, _errors("required header 'X-Vault-Request' is missing")
        asked = self.path.removeprefix("/v1/")
        if asked == "auth/token/lookup-self":
            data = {"ttl": vault.ttl, "renewable": vault.renewable}
            return (200, {"data": data}) if vault.knows_itself else (403, _errors(DENIED))
        if asked.startswith("sys/internal/ui/mounts/"):
            return self._mount(asked.removeprefix("sys/internal/ui/mounts/"))
        return self._secret(asked)

    def _mount(self, path: str) -> tuple[int, dict[str, Any]]:
        mount = self._mount_of(path)
        if mount is None:
            return 403, _errors(DENIED)
        kind = self.vault.mounts[mount]
        versioned = kind in {"1", "2"}
        data = {
            "path": f"{mount}/",
            "type": "kv" if versioned else kind,
            "options": {"version": kind} if kind == "2" else None,
        }
        return 200, {"request_id": "0", "data": data}

    def _secret(self, asked: str) -> tuple[int, dict[str, Any]]:
        mount = self._mount_of(asked)
        if mount is None:
            return 404, _errors(f"no handler for route {asked!r}")
        path = asked.removeprefix(f"{mount}/")
        second = self.vault.mounts[mount] == "2"
        if second and not path.startswith("data/"):
            return 404, _errors("Invalid path for a versioned K/V secrets engine.")
        secret = f"{mount}/{path.removeprefix('data/') if second else path}"
        if secret in self.vault.forbidden:
            return 403, _errors("1 error occurred:\n\t* permission denied\n\n")
        if secret not in self.vault.secrets:
            return 404, {"errors": []}
        values = self.vault.secrets[secret]
        if not second:
            return 200, {"request_id": "0", "lease_duration": 2764800, "data": values}
        metadata = {"version": 2, "deletion_time": "" if values else "2026-01-01T00:00:00Z"}
        status = 200 if values is not None else 404
        return status, {"request_id": "0", "data": {"data": values, "metadata": metadata}}

    def _mount_of(self, path: str) -> str | None:
        fits = (one for one in self.vault.mounts if path == one or path.startswith(f"{one}/"))
        return max(fits, key=len, default=None)


def _errors(*words: str) -> dict[str, Any]:
    return {"errors": list(words)}
