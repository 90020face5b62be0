"""Which credential git may use for which repository, told by environment alone."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.source.location import DEFAULT_PORTS, Location

MAX_TOKEN_BYTES = 8 * 1024

# `StrictHostKeyChecking=yes`: a host nobody has vouched for gets neither code nor a signature.
# The operator adds keys to known_hosts; `accept-new` would trust whoever answers first.
SSH = (
    "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=20 "
    "-oServerAliveInterval=15 -oServerAliveCountMax=4 -oControlMaster=no -oControlPath=none "
    "-oForwardAgent=no -oClearAllForwardings=yes -oPermitLocalCommand=no"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a git process gets to reach one repository."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    configuration: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must never be seen in any text git prints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The operator's credentials for repositories."""

    forge_url: str = "https://github.com"
    token_file: Path | None = None
    """Holds the token for the forge's host; read at every use, so that it can be rotated."""
    home: Path | None = None
    """Where ssh finds the operator's keys, configuration, known hosts."""
    ssh_auth_sock: str | None = None

    def access(self, location: Location) -> Access:
        """What git gets for `location`: the token for the forge's own host, ssh's home for ssh.

        Raises `JobFailed` with REPO_AUTH when the token file cannot be read.
        """
        if location.protocol == "ssh":
            environment = {"GIT_SSH_COMMAND": SSH, "GIT_SSH_VARIANT": "ssh"}
            if self.home:
                environment["HOME"] = str(self.home)
            if self.ssh_auth_sock:
                environment["SSH_AUTH_SOCK"] = self.ssh_auth_sock
            return Access(environment=environment)
        if self.token_file and self._is_forge(location):
            return self._with_token(self.token_file)
        return Access()

    def known(self) -> Sequence[str]:
        """The values the deployment has for any repository: nothing it publishes may hold one.

        Raises `JobFailed` with REPO_AUTH when the token file cannot be read.
        """
        return self._with_token(self.token_file).secrets if self.token_file else ()

    def _is_forge(self, location: Location) -> bool:
        forge = urlsplit(self.forge_url)
        return (forge.scheme, forge.hostname, forge.port or DEFAULT_PORTS.get(forge.scheme)) == (
            location.protocol,
            location.host,
            location.port or DEFAULT_PORTS.get(location.protocol),
        )

    def _with_token(self, token_file: Path) -> Access:
        try:
            with token_file.open("rb") as file:
                token = file.read(MAX_TOKEN_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError):
            token = ""
        if not token or not token.isprintable():
            raise failed(
                Reason.REPO_AUTH,
                f"PAWL_GITHUB_TOKEN_FILE ({token_file}) holds no token that can be read.",
                "Put the token into the file, readable by the orchestrator; then submit the task "
                "again.",
            )
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        # Bound to the forge's address, beside redirects being off: git sends it nowhere else.
        key = f"http.{self.forge_url.rstrip('/')}/.extraHeader"
        return Access(configuration={key: f"Authorization: Basic {basic}"}, secrets=(token, basic))
