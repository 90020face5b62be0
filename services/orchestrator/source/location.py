"""Where a repository lies, checked before git ever sees the address."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pawl.hosts import Denied
from pawl.repositories import PORTS, spelled
from services.orchestrator.jobs.failures import JobFailed, Reason, failed

SHORT = re.compile(r"(?P<owner>[A-Za-z0-9](?:[A-Za-z0-9-]{0,99}))/(?P<name>[A-Za-z0-9._-]{1,100})")
MAX_LENGTH = 2048
FORMS = "Write owner/repo, https://host/path, ssh://git@host/path or git@host:path."
DEFAULT_PORTS = PORTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """An address git may be given: no credential in it, nothing that reads as an option."""

    url: str
    """The canonical address; a local repository's is its absolute path."""
    protocol: str
    """``https``, ``http``, ``ssh`` or ``file``: the only one git is allowed to speak."""
    host: str = ""
    """Without brackets."""
    port: int | None = None

    @property
    def local(self) -> Path | None:
        """The path of a local repository, None for the others."""
        return Path(self.url) if self.protocol == "file" else None


def locate(repository: str, *, forge_url: str, allow_local: bool) -> Location:
    """The location a task's `repository` means; whether its host is allowed is `Ways.admit`'s.

    The contract's plan holds the address as it was spelled by the same rules; they are asked
    again, since what comes by the wire is not yet known to have been judged.
    ``owner/repo`` lies on the forge. Plain http and local paths need `allow_local`, except that
    the forge itself may be one the operator reaches by http.
    Raises `JobFailed` with REPO_URL_DENIED, which never quotes a credential.
    """
    if not repository or len(repository) > MAX_LENGTH:
        raise failed(
            Reason.REPO_URL_DENIED, "The repository's address is empty or too long.", FORMS
        )
    try:
        spelling = spelled(repository, local=allow_local, forge_url=forge_url)
    except Denied as denied:
        raise refused(denied) from None
    if not spelling.scheme:
        return _on_forge(spelling.text, forge_url)
    return Location(
        url=spelling.text.removeprefix("file://"),
        protocol=spelling.scheme,
        host=spelling.host.strip("[]"),
        port=spelling.port,
    )


def refused(denied: Denied) -> JobFailed:
    """What to raise for an address that may not be used."""
    return failed(
        Reason.REPO_URL_DENIED,
        f"The repository's address may not be used. {denied.what}",
        denied.remedy,
    )


def origin_of(location: Location) -> str:
    """The server of a repository that is reached by http, as ``scheme://host[:port]``."""
    parts = urlsplit(location.url)
    return f"{parts.scheme}://{parts.netloc}"


def lies_on(location: Location, server_url: str) -> bool:
    """Whether the repository is reached by http on the server that `server_url` names."""
    server = urlsplit(server_url)
    return (server.scheme, server.hostname, server.port or DEFAULT_PORTS.get(server.scheme)) == (
        location.protocol,
        location.host,
        location.port or DEFAULT_PORTS.get(location.protocol),
    )


def repository_key(url: str) -> str:
    """The name a repository's files have below the data directory: hex SHA-256 of its URL."""
    return hashlib.sha256(url.encode()).hexdigest()


def _on_forge(short: str, forge_url: str) -> Location:
    forge = urlsplit(forge_url)
    port = None if forge.port == DEFAULT_PORTS.get(forge.scheme) else forge.port
    return Location(
        url=f"{forge_url.rstrip('/')}/{short.removesuffix('.git')}.git",
        protocol=forge.scheme,
        host=forge.hostname or "",
        port=port,
    )
