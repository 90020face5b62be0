"""Judges the address of a repository without looking anything up."""

import ipaddress
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from services.contract.values import Deployment

_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/(?!\.{1,2}$)[A-Za-z0-9._][A-Za-z0-9._-]{0,99}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_SCP = re.compile(r"([^/@:\[\]]*)@([^/@:\[\]]*):(?!//)(.*)", re.DOTALL)
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_AUTHORITY = re.compile(r"(?:(?P<user>.*)@)?(?P<host>\[[^\]]*\]|[^:@\[\]]*)(?::(?P<port>[^:@]*))?")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PATH = re.compile(r"(?:[A-Za-z0-9._~@+/-]|%[0-9A-Fa-f]{2})+")
_SMUGGLED = re.compile(r"%(?:[01][0-9A-Fa-f]|2[eEfF]|5[cC]|7[fF])")
_NUMBER = re.compile(r"\d+|0[xX][0-9A-Fa-f]*")
_PRIVATE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private")
_EMBEDDING = ipaddress.IPv6Network("64:ff9b::/96")

_FORMS = "Write owner/repo, https://host/path, ssh://user@host/path or git@host:path"
_LOCAL = "this deployment allows no local repositories (PAWL_ALLOW_LOCAL_REPOSITORIES)"

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Denied(Exception):
    """The address may not be used. Its sentence never quotes the address."""


def canonical(address: str, deployment: Deployment) -> str:
    """The one spelling of a trimmed address: scheme and host lower-case, no slash at the end.

    Raises Denied.
    """
    spelling = _spelling(address, local=deployment.allow_local_repositories)
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
        name = _host(host, local=local)
        if path.startswith("-"):
            raise Denied("Its path begins with a dash, as an option does. Put ~/ before it.")
        return f"{user}@{name}:{_remote_path(path)}"
    raise Denied(f"It is no address of a repository that Pawl takes. {_FORMS}.")


def _url(scheme: str, rest: str, *, local: bool) -> str:
    if scheme == "file":
        if not rest.startswith("/"):
            raise Denied("A file address names a host. Write file:///absolute/path.")
        return f"file://{_local(rest, local=local)}"
    if scheme not in {"https", "ssh", "http"}:
        raise Denied(f"Its scheme is not one that Pawl takes. {_FORMS}.")
    # Only what stands before the first slash may hold a colon or an @ that means something.
    authority, slash, path = rest.partition("/")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise Denied(f"Its host cannot be read. {_FORMS}.")
    user = _user(scheme, parts["user"])
    host = _host(parts["host"], local=local)
    if scheme == "http" and not (local and _loopback(host)):
        raise Denied("It is not encrypted. Write it with https, or use ssh.")
    if not slash:
        raise Denied(f"It names a host and no repository. {_FORMS}.")
    return f"{scheme}://{user}{host}{_port(parts['port'])}/{_remote_path(path)}"


def _user(scheme: str, user: str | None) -> str:
    if user is None:
        return ""
    if scheme != "ssh" or ":" in user:
        raise Denied(
            "It carries credentials. Remove what stands before the @; how to log in is the"
            " deployment's business or that of auth.repoAuthRef. If they are real, revoke them."
        )
    if not _USER.fullmatch(user):
        raise Denied("The part before the @ is no plain user name. Write ssh://git@host/path.")
    return f"{user}@"


def _port(port: str | None) -> str:
    if port is None:
        return ""
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise Denied("Its port is not a number from 1 to 65535. Correct it, or leave it out.")
    return f":{int(port)}"


def _host(host: str, *, local: bool) -> str:
    """The host in lower case. Raises Denied for private ones, unless `local`."""
    if host.startswith("["):
        try:
            address: _Address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise Denied("Its host is no IPv6 address. Write the host's name.") from None
        if getattr(address, "scope_id", None):
            raise Denied("Its host names a network interface. Write the host's name.")
        name = f"[{address.compressed}]"
    elif len(host) > 253 or not _HOST.fullmatch(host):
        raise Denied("Its host is no host name. Use letters, digits, dots and dashes only.")
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        # 0x7f.1, 2130706433 and 0177.0.0.1 all reach 127.0.0.1 in one resolver or another.
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError:
            raise Denied("Its host is an oddly written number. Write the host's name.") from None
        name = str(address)
    else:
        name = host.lower()
        if not local and _private_name(name):
            raise Denied(f"Its host is of a private network; {_LOCAL}. Use a public host.")
        return name
    if not local and not all(reached.is_global for reached in _reached(address)):
        raise Denied(f"Its host is of a private network; {_LOCAL}. Use a public host.")
    return name


def _private_name(name: str) -> bool:
    return "." not in name or name.rpartition(".")[2] in _PRIVATE_NAMES or name.endswith(".arpa")


def _reached(address: _Address) -> Iterator[_Address]:
    """The address and every IPv4 address packed into it."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            yield address.ipv4_mapped
        if address.sixtofour:
            yield address.sixtofour
        if address in _EMBEDDING:
            yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _remote_path(path: str) -> str:
    tidy = path.rstrip("/")
    if not tidy.strip("/~"):
        raise Denied(f"It names a host and no repository. {_FORMS}.")
    if len(tidy) > 1024 or not _PATH.fullmatch(tidy) or _SMUGGLED.search(tidy):
        raise Denied(
            "Its path is too long or holds characters that do not belong into one, such as a"
            " query. Use letters, digits and ._~@+/- only."
        )
    _no_dots(tidy)
    return tidy


def _local(path: str, *, local: bool) -> str:
    if not local:
        raise Denied(f"It is a path, and {_LOCAL}. {_FORMS}.")
    tidy = path.rstrip("/")
    if not tidy or len(tidy) > 1024 or not tidy.isprintable() or " " in tidy:
        raise Denied("It is no path of a repository. Write its absolute path, without blanks.")
    _no_dots(tidy)
    return tidy


def _no_dots(path: str) -> None:
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise Denied("Its path holds . or .. as a part. Write the path without them.")
