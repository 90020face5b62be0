"""The fake forge's app: where it is installed, and the tokens that were made for it."""

import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt

from tests.support.fake_forge.manners import Operation

PATHS = (
    (Operation.APP, "GET", re.compile(r"/app(?P<of>)")),
    (Operation.INSTALLATION, "GET", re.compile(r"/repos/(?P<of>[^/]+/[^/]+)/installation")),
    (Operation.MINT, "POST", re.compile(r"/app/installations/(?P<of>\d+)/access_tokens")),
    (Operation.REVOKE, "DELETE", re.compile(r"/installation/token(?P<of>)")),
)
LEVELS = ("read", "write")
TEN_MINUTES = 600
NEEDS = {
    Operation.ROOT: ("metadata", "read"),
    Operation.REPOSITORY: ("metadata", "read"),
    Operation.LIST: ("pull_requests", "read"),
    Operation.SEARCH: ("pull_requests", "read"),
    Operation.PULL: ("pull_requests", "read"),
    Operation.COMMENTS: ("pull_requests", "read"),
    Operation.OPEN: ("pull_requests", "write"),
    Operation.CLOSE: ("pull_requests", "write"),
    Operation.LABEL: ("pull_requests", "write"),
    Operation.COMMENT: ("pull_requests", "write"),
    Operation.ADVERTISE: ("contents", "read"),
    Operation.UPLOAD: ("contents", "read"),
    Operation.PUSH: ("contents", "write"),
}


@dataclass(frozen=True, slots=True)
class Minted:
    """What a token may do, and until when by the clock on the wall."""

    repository: str
    permissions: Mapping[str, str]
    until: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and what is to be written down of it."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    record: dict[str, object] = field(default_factory=dict)


@dataclass
class App:
    """One app; change its fields while the forge runs."""

    app_id: str
    public_key: str
    installed: dict[str, dict[str, str]]
    """What it was granted, by ``owner/name``; each owner has one installation."""
    permissions: dict[str, str] = field(
        default_factory=lambda: {"contents": "write", "metadata": "read", "pull_requests": "write"}
    )
    """What it asks to be granted wherever it is installed."""
    suspended: bool = False
    lifetime: float = 3600
    """Seconds."""
    minted: dict[str, Minted] = field(default_factory=dict)
    """The tokens in force."""

    @property
    def caller(self) -> str:
        """What the audit calls it."""
        return f"app {self.app_id}"

    def asked(self, command: str, path: str) -> tuple[Operation, str] | None:
        """What of the app's a request is for, and of what; None for all others."""
        for operation, needed, pattern in PATHS:
            if command == needed and (match := pattern.fullmatch(path)):
                return operation, match["of"]
        return None

    def do(self, operation: Operation, of: str, token: str, sent: dict[str, Any]) -> Answer:
        """Does what is asked, for who has the app's signature or one of its tokens."""
        if operation is Operation.REVOKE:
            ended = self.minted.pop(token, None)
            if ended is None:
                return _refusal(401, "Bad credentials")
            return Answer(204, record={"repository": ended.repository, "token": mark(token)})
        if not self._signed(token):
            return _refusal(401, "A JSON web token could not be decoded")
        if operation is Operation.APP:
            return Answer(200, {"id": self.app_id, "permissions": self.permissions})
        if operation is Operation.INSTALLATION:
            owner = of.partition("/")[0]
            if of not in self.installed:
                return _refusal(404, "Not Found")
            return Answer(200, {"id": 1 + self._owners().index(owner), "app_id": self.app_id})
        return self._mint(int(of), sent)

    def takes(self, token: str) -> bool:
        """Whether a token of the app's is in force."""
        minted = self.minted.get(token)
        return minted is not None and minted.until > time.time()

    def refusal(self, token: str, operation: Operation, repository: str) -> Answer | None:
        """What stands against what is asked with a token; None for tokens that are others'."""
        minted = self.minted.get(token)
        if minted is None:
            return None
        if minted.repository != repository:
            return _refusal(404, "Not Found")
        needed = NEEDS.get(operation)
        if needed is None or not _grants(minted.permissions, *needed):
            return _refusal(403, "Resource not accessible by integration")
        return None

    def _signed(self, token: str) -> bool:
        try:
            claims = jwt.decode(
                token,
                self.public_key,
                algorithms=["RS256"],
                issuer=self.app_id,
                options={"require": ["iat", "exp", "iss"]},
            )
        except jwt.InvalidTokenError:
            return False
        return bool(claims["exp"] <= time.time() + TEN_MINUTES)

    def _mint(self, installation: int, sent: dict[str, Any]) -> Answer:
        owners = self._owners()
        if not 1 <= installation <= len(owners):
            return _refusal(404, "Not Found")
        if self.suspended:
            return _refusal(403, "This installation has been suspended")
        [name] = sent["repositories"]
        repository = f"{owners[installation - 1]}/{name}"
        granted = self.installed.get(repository)
        if granted is None:
            return _refusal(422, "There is at least one repository that is not accessible.")
        wanted: dict[str, str] = sent["permissions"]
        if not all(_grants(granted, *one) for one in wanted.items()):
            return _refusal(422, "The permissions requested are not granted.")
        # As long as GitHub's newest ones, and with their signs.
        parts = [
            f"eyJ{secrets.token_hex(20)}",
            f"eyJ{secrets.token_hex(60)}",
            secrets.token_hex(150),
        ]
        token = f"ghs_{self.app_id}_{'.'.join(parts)}"
        until = time.time() + self.lifetime
        self.minted[token] = Minted(repository, wanted, until)
        told = {"token": token, "expires_at": _written(until), "permissions": wanted}
        minted = {"repository": repository, "permissions": wanted, "token": mark(token)}
        return Answer(201, told, dict(minted))

    def _owners(self) -> list[str]:
        return list(dict.fromkeys(slug.partition("/")[0] for slug in self.installed))


def mark(token: str) -> str:
    """What tells a token from others without telling it."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def _grants(granted: Mapping[str, str], name: str, level: str) -> bool:
    return name in granted and LEVELS.index(granted[name]) >= LEVELS.index(level)


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, {"message": message})


def _written(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
