"""Where a repository lies, checked before git ever sees the address."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, urlsplit

from services.orchestrator.jobs.failures import JobFailed, Reason, failed

SHORT = re.compile(r"(?P<owner>[A-Za-z0-9](?:[A-Za-z0-9-]{0,99}))/(?P<name>[A-Za-z0-9._-]{1,100})")
SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^:].*)")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
MAX_LENGTH = 2048
FORMS = "Write owner/repo, https://host/path, ssh://git@host/path or git@host:path."
DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}


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

    ``owner/repo`` lies on the forge. Plain http and local paths need `allow_local`, except that
    the forge itself may be one the operator reaches by http.
    Raises `JobFailed` with REPO_URL_DENIED, which never quotes a credential.
    """
    if not repository or len(repository) > MAX_LENGTH:
        raise _denied("The repository's address is empty or too long.", FORMS)
    if not repository.isprintable() or any(c.isspace() or c == "\\" for c in repository):
        raise _denied("The repository's address holds blanks or control characters.", FORMS)
    if short := SHORT.fullmatch(repository):
        if short["name"].strip(".") == "":
            raise _denied(f"{repository} names no repository.", FORMS)
        repository = f"{forge_url.rstrip('/')}/{repository.removesuffix('.git')}.git"
    if repository.startswith("/"):
        return _local(repository, allow_local=allow_local)
    if "://" in repository:
        return _from_url(repository, forge_url=forge_url, allow_local=allow_local)
    return _from_scp(repository)


def repository_key(url: str) -> str:
    """The name a repository's files have below the data directory: hex SHA-256 of its URL."""
    return hashlib.sha256(url.encode()).hexdigest()


def _local(path: str, *, allow_local: bool) -> Location:
    if not allow_local:
        raise _denied(
            "The repository is a local path, which this deployment does not allow.",
            "Use a repository that is reached by https or ssh, or set "
            "PAWL_ALLOW_LOCAL_REPOSITORIES.",
        )
    clean = PurePosixPath("/" + path.lstrip("/"))
    if ".." in clean.parts:
        raise _denied("The repository's path holds '..'.", "Write the path without '..'.")
    return Location(url=str(clean), protocol="file")


def _from_url(repository: str, *, forge_url: str, allow_local: bool) -> Location:
    try:
        parts = urlsplit(repository)
        port = parts.port
    except ValueError:
        raise _denied("The repository's address is no URL.", FORMS) from None
    scheme = parts.scheme.lower()
    if scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise _denied("The repository's file URL names another host.", FORMS)
        return _local(parts.path, allow_local=allow_local)
    if scheme not in DEFAULT_PORTS:
        raise _denied(f"Pawl does not fetch by {scheme[:20]}.", FORMS)
    if parts.password is not None or (scheme != "ssh" and parts.username is not None):
        raise _denied(
            "The repository's address carries a credential.",
            "Take the credential out of the address; the orchestrator has its own.",
        )
    if parts.query or parts.fragment or repository.endswith(("?", "#")):
        raise _denied("The repository's address has a query or a fragment.", FORMS)
    if scheme == "http" and not allow_local and not _same_server(parts, urlsplit(forge_url)):
        raise _denied("Plain http lets anybody on the way change the code.", "Use https.")
    host = (parts.hostname or "").lower()
    if not HOST.fullmatch(host) or not _sound_path(parts.path.lstrip("/")):
        raise _denied("The repository's address lacks a sound host or path.", FORMS)
    if parts.username is not None and not USER.fullmatch(parts.username):
        raise _denied("The user in the repository's address is no user name.", FORMS)
    port = None if port == DEFAULT_PORTS[scheme] else port
    authority = f"[{host}]" if ":" in host else host
    authority = f"{parts.username}@{authority}" if parts.username else authority
    authority = f"{authority}:{port}" if port else authority
    path = re.sub("/+", "/", parts.path).rstrip("/")
    return Location(url=f"{scheme}://{authority}{path}", protocol=scheme, host=host, port=port)


def _from_scp(repository: str) -> Location:
    match = SCP.fullmatch(repository)
    if not match or not HOST.fullmatch(match["host"]) or not _sound_path(match["path"]):
        raise _denied("The repository's address is in no form that Pawl knows.", FORMS)
    if match["user"] and not USER.fullmatch(match["user"]):
        raise _denied("The user in the repository's address is no user name.", FORMS)
    host = match["host"].lower()
    user = f"{match['user']}@" if match["user"] else ""
    return Location(url=f"{user}{host}:{match['path'].rstrip('/')}", protocol="ssh", host=host)


def _same_server(one: SplitResult, other: SplitResult) -> bool:
    return (one.scheme, one.netloc.lower()) == (other.scheme, other.netloc.lower())


def _sound_path(path: str) -> bool:
    segments = path.strip("/").split("/")
    return bool(segments[0]) and not path.startswith("-") and not {".", ".."} & set(segments)


def _denied(message: str, remedy: str) -> JobFailed:
    return failed(Reason.REPO_URL_DENIED, message, remedy)
