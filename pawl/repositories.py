"""Reads the addresses of repositories, without looking anything up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote_to_bytes, urlsplit

from pawl import hosts, tokens
from pawl.hosts import Denied, HostRules

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
PORTS = {"https": 443, "http": 80, "ssh": 22}

_FORMS = "Write owner/repo, https://host/path, ssh://user@host/path or git@host:path."
_CREDENTIALS = (
    "It carries credentials.",
    "Remove them; how to log in is the deployment's business or that of auth.repoAuthRef. If they"
    " are real, revoke them.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """The one spelling of an address.

    Scheme and host are lower-case, the scheme's own port is left out, no slash is at the end.
    """

    text: str
    scheme: str = ""
    """``https``, ``http``, ``ssh`` or ``file``; empty for ``owner/repo``."""
    host: str = ""
    """As `pawl.hosts.canonical` spells it."""
    port: int | None = None


def spelled(address: str, *, local: bool, forge_url: str = "") -> Spelling:
    """How a trimmed address is spelled; which hosts are allowed is another question.

    Paths need `local`, and so does plain http, but for the server of `forge_url`.
    Raises Denied.
    """
    spelling = _spelled(address, local=local, forge_url=forge_url)
    if tokens.TOKEN.search(spelling.text):
        raise Denied(*_CREDENTIALS)
    return spelling


def among(spelling: str, globs: Sequence[str]) -> None:
    """Raises Denied for a spelling that no glob matches; no globs at all allow every one."""
    if globs and not any(fnmatchcase(spelling, glob) for glob in globs):
        raise Denied(
            "It is not among the repositories this deployment allows.",
            "Choose one of them, or have it added to PAWL_ALLOWED_REPOSITORIES.",
        )


def host_rules(
    scheme: str, host: str, port: int | None, *, rules: HostRules, forge_url: str
) -> HostRules:
    """The rules for a repository on a canonical `host`: the forge is trusted.

    By http the forge is its one server, by ssh its host, since ssh listens where it likes.
    """
    by_http = f"{scheme}://{host}" + (f":{port}" if port else "") == _server(forge_url)
    by_ssh = scheme == "ssh" and bool(forge_url) and host == _host(forge_url)
    return rules.trusting(host) if by_http or by_ssh else rules


def _spelled(address: str, *, local: bool, forge_url: str) -> Spelling:
    if address.startswith("-"):
        raise Denied("It begins with a dash, as an option does.", _FORMS)
    if "\\" in address:
        raise Denied("It holds a backslash.", _FORMS)
    if match := _SCHEME.fullmatch(address):
        return _url(match[1].lower(), match[2], local=local, forge_url=forge_url)
    if _HELPER.match(address):
        raise Denied("It names a transport helper, which could run a command.", _FORMS)
    if address.startswith("/"):
        return Spelling(text=_local(address, allowed=local), scheme="file")
    if _SHORT.fullmatch(address):
        return Spelling(text=address)
    if match := _SCP.fullmatch(address):
        return _scp(*match.groups())
    if _SIGNED_IN.match(address):
        raise Denied(*_CREDENTIALS)
    raise Denied("It is no address of a repository that Pawl takes.", _FORMS)


def _scp(user: str, host: str, path: str) -> Spelling:
    if not _USER.fullmatch(user):
        raise Denied("The part before the @ is no plain user name.", "Write git@host:path.")
    name = hosts.canonical(host)
    if path.startswith("-"):
        raise Denied("Its path begins with a dash, as an option does.", "Put ~/ before it.")
    if "%" in path:
        raise Denied("Its path holds a percent sign, which ssh takes as it is.", "Write ssh://.")
    rooted = path[: path.startswith("/")]
    text = f"{user}@{name}:{rooted}{_remote_path(path.removeprefix('/'))}"
    return Spelling(text=text, scheme="ssh", host=name)


def _url(scheme: str, rest: str, *, local: bool, forge_url: str) -> Spelling:
    if scheme == "file":
        return _file(rest, local=local)
    if scheme not in PORTS:
        raise Denied("Its scheme is not one that Pawl takes.", _FORMS)
    # Only what stands before the first slash may hold a colon or an @ that means something.
    authority, slash, path = rest.partition("/")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise Denied("Its host cannot be read.", _FORMS)
    user = _user(scheme, parts["user"])
    host = hosts.canonical(parts["host"])
    port = _port(scheme, parts["port"])
    server = f"{scheme}://{user}{host}" + (f":{port}" if port else "")
    if scheme == "http" and not (local and hosts.loopback(host)) and server != _server(forge_url):
        raise Denied("It is not encrypted.", "Write it with https, or use ssh.")
    if not slash:
        raise Denied("It names a host and no repository.", _FORMS)
    return Spelling(text=f"{server}/{_remote_path(path)}", scheme=scheme, host=host, port=port)


def _file(rest: str, *, local: bool) -> Spelling:
    if not rest.startswith("/"):
        raise Denied("A file address names a host.", "Write file:///absolute/path.")
    if "%" in rest:
        # git decodes it, so what it opens would not be what was compared with the globs.
        raise Denied("A file address takes no percent signs.", "Write the path as it is.")
    return Spelling(text=f"file://{_local(rest, allowed=local)}", scheme="file")


def _server(url: str) -> str:
    """The server an operator's `url` names, spelled as those of tasks are."""
    parts = urlsplit(url)
    port = "" if parts.port in {None, PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{_host(url)}{port}"


def _host(url: str) -> str:
    host = (urlsplit(url).hostname or "").lower()
    return f"[{host}]" if ":" in host else host


def _user(scheme: str, user: str | None) -> str:
    if user is None:
        return ""
    if scheme != "ssh" or ":" in user:
        raise Denied(*_CREDENTIALS)
    if not _USER.fullmatch(user):
        raise Denied("The part before the @ is no plain user name.", "Write ssh://git@host/path.")
    return f"{user}@"


def _port(scheme: str, port: str | None) -> int | None:
    if port is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise Denied("Its port is not a number from 1 to 65535.", "Correct it, or leave it out.")
    return None if int(port) == PORTS[scheme] else int(port)


def _remote_path(path: str) -> str:
    tidy = path.rstrip("/")
    if not tidy.strip("/~"):
        raise Denied("It names a host and no repository.", _FORMS)
    if len(tidy) > 1024 or not _PATH.fullmatch(tidy) or _SMUGGLED.search(tidy) or _unseen(tidy):
        raise Denied(
            "Its path is too long or holds characters that do not belong into one, such as a"
            " query.",
            "Use letters, digits and ._~@+/- only, with %20 for a blank.",
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


def _local(path: str, *, allowed: bool) -> str:
    if not allowed:
        raise Denied(
            "It is a path, and this deployment allows no local repositories"
            " (PAWL_ALLOW_LOCAL_REPOSITORIES).",
            _FORMS,
        )
    tidy = path.rstrip("/")
    if not tidy or len(tidy) > 1024 or not tidy.isprintable() or " " in tidy:
        raise Denied("It is no path of a repository.", "Write its absolute path, without blanks.")
    _check_parts(tidy[1:])
    return tidy


def _check_parts(path: str) -> None:
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise Denied("Its path holds an empty part, . or .. between slashes.", "Write it without.")
