"""Judges the address of a repository without looking anything up."""

import re
from fnmatch import fnmatchcase
from urllib.parse import unquote_to_bytes

from services.contract import hosts, tokens
from services.contract.hosts import Denied
from services.contract.values import Deployment

__all__ = ["Denied", "canonical"]

_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/(?!\.+$)[A-Za-z0-9._][A-Za-z0-9._-]{0,99}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_SCP = re.compile(r"([^/@:\[\]]*)@([^/@:\[\]]*):(?!//)(.*)", re.DOTALL)
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SIGNED_IN = re.compile(r"[^/@]*:[^/]*@")
_AUTHORITY = re.compile(r"(?:(?P<user>.*)@)?(?P<host>\[[^\]]*\]|[^:@\[\]]*)(?::(?P<port>[^:@]*))?")
_PATH = re.compile(r"(?:[A-Za-z0-9._~@+/-]|%[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_SMUGGLED = re.compile(r"%(?:[01].|2[2-5EF]|3[ABCEF]|40|5C|60|7[CF])", re.IGNORECASE)
_UNRESERVED = re.compile(r"[A-Za-z0-9_~-]")
_PORTS = {"https": 443, "http": 80, "ssh": 22}

_FORMS = "Write owner/repo, https://host/path, ssh://user@host/path or git@host:path"
_CREDENTIALS = (
    "It carries credentials. Remove them; how to log in is the deployment's business or that of"
    " auth.repoAuthRef. If they are real, revoke them."
)


def canonical(address: str, deployment: Deployment) -> str:
    """The one spelling of a trimmed address.

    Scheme and host are lower-case, the scheme's own port is left out, no slash is at the end.
    Raises Denied.
    """
    spelling = _spelling(address, local=deployment.allow_local_repositories)
    if tokens.TOKEN.search(spelling):
        raise Denied(_CREDENTIALS)
    globs = deployment.allowed_repositories
    if globs and not any(fnmatchcase(spelling, glob) for glob in globs):
        raise Denied(
            "It is not among the repositories this deployment allows. Choose one of them, or"
            " have it added to PAWL_ALLOWED_REPOSITORIES."
        )
    return spelling


def _spelling(address: str, *, local: bool) -> str:
    if address.startswith("-"):
        raise Denied(f"It begins with a dash, as an option does. {_FORMS}.")
    if "\\" in address:
        raise Denied(f"It holds a backslash. {_FORMS}.")
    if match := _SCHEME.fullmatch(address):
        return _url(match[1].lower(), match[2], local=local)
    if _HELPER.match(address):
        raise Denied(f"It names a transport helper, which could run a command. {_FORMS}.")
    if address.startswith("/"):
        return _local(address, local=local)
    if _SHORT.fullmatch(address):
        return address
    if match := _SCP.fullmatch(address):
        user, host, path = match.groups()
        if not _USER.fullmatch(user):
            raise Denied("The part before the @ is no plain user name. Write git@host:path.")
        name = hosts.canonical(host, local=local)
        if path.startswith("-"):
            raise Denied("Its path begins with a dash, as an option does. Put ~/ before it.")
        if "%" in path:
            raise Denied("Its path holds a percent sign, which ssh takes as it is. Write ssh://.")
        return f"{user}@{name}:{path[: path.startswith('/')]}{_remote_path(path.removeprefix('/'))}"
    if _SIGNED_IN.match(address):
        raise Denied(_CREDENTIALS)
    raise Denied(f"It is no address of a repository that Pawl takes. {_FORMS}.")


def _url(scheme: str, rest: str, *, local: bool) -> str:
    if scheme == "file":
        if not rest.startswith("/"):
            raise Denied("A file address names a host. Write file:///absolute/path.")
        if "%" in rest:
            # git decodes it, so what it opens would not be what was compared with the globs.
            raise Denied("A file address takes no percent signs. Write the path as it is.")
        return f"file://{_local(rest, local=local)}"
    if scheme not in {"https", "ssh", "http"}:
        raise Denied(f"Its scheme is not one that Pawl takes. {_FORMS}.")
    # Only what stands before the first slash may hold a colon or an @ that means something.
    authority, slash, path = rest.partition("/")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise Denied(f"Its host cannot be read. {_FORMS}.")
    user = _user(scheme, parts["user"])
    host = hosts.canonical(parts["host"], local=local)
    if scheme == "http" and not (local and hosts.loopback(host)):
        raise Denied("It is not encrypted. Write it with https, or use ssh.")
    if not slash:
        raise Denied(f"It names a host and no repository. {_FORMS}.")
    return f"{scheme}://{user}{host}{_port(scheme, parts['port'])}/{_remote_path(path)}"


def _user(scheme: str, user: str | None) -> str:
    if user is None:
        return ""
    if scheme != "ssh" or ":" in user:
        raise Denied(_CREDENTIALS)
    if not _USER.fullmatch(user):
        raise Denied("The part before the @ is no plain user name. Write ssh://git@host/path.")
    return f"{user}@"


def _port(scheme: str, port: str | None) -> str:
    if port is None:
        return ""
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise Denied("Its port is not a number from 1 to 65535. Correct it, or leave it out.")
    return "" if int(port) == _PORTS[scheme] else f":{int(port)}"


def _remote_path(path: str) -> str:
    tidy = path.rstrip("/")
    if not tidy.strip("/~"):
        raise Denied(f"It names a host and no repository. {_FORMS}.")
    if len(tidy) > 1024 or not _PATH.fullmatch(tidy) or _SMUGGLED.search(tidy) or _unseen(tidy):
        raise Denied(
            "Its path is too long or holds characters that do not belong into one, such as a"
            " query. Use letters, digits and ._~@+/- only, with %20 for a blank."
        )
    _check_parts(tidy)
    return _ESCAPE.sub(_escaped, tidy)


def _unseen(path: str) -> bool:
    """Whether what is percent-encoded is no text, or holds what nobody can see."""
    if "%" not in path:
        return False
    try:
        return not unquote_to_bytes(path).decode().isprintable()
    except UnicodeDecodeError:
        return True


def _escaped(match: re.Match[str]) -> str:
    character = chr(int(match[0][1:], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()


def _local(path: str, *, local: bool) -> str:
    if not local:
        raise Denied(f"It is a path, and {hosts.LOCAL_FORBIDDEN}. {_FORMS}.")
    tidy = path.rstrip("/")
    if not tidy or len(tidy) > 1024 or not tidy.isprintable() or " " in tidy:
        raise Denied("It is no path of a repository. Write its absolute path, without blanks.")
    _check_parts(tidy[1:])
    return tidy


def _check_parts(path: str) -> None:
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise Denied("Its path holds an empty part, . or .. between slashes. Write it without.")
