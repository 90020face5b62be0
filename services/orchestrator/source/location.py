"""Where a repository lies, checked before git ever sees the address."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """An address git may be given: no credential in it, nothing that reads as an option."""

    url: str
    """The canonical address; a local repository's is its absolute path."""
    protocol: str
    """``https``, ``http``, ``ssh`` or ``file``: the only one git is allowed to speak."""
    host: str = ""
    port: int | None = None

    @property
    def local(self) -> Path | None:
        """The path of a local repository, None for the others."""
        return Path(self.url) if self.protocol == "file" else None


def locate(repository: str, *, forge_url: str, allow_local: bool) -> Location:
    """The location a task's `repository` means.

    ``owner/repo`` lies on the forge. Plain http and local paths need `allow_local`.
    Raises `JobFailed` with REPO_URL_DENIED, which never quotes a credential.
    """
    raise NotImplementedError


def repository_key(url: str) -> str:
    """The name a repository's files have below the data directory: hex SHA-256 of its URL."""
    raise NotImplementedError
