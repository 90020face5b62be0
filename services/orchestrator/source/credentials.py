"""Which credential git may use for which repository, told by environment alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.orchestrator.source.location import Location


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
        raise NotImplementedError
