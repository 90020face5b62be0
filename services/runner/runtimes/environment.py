"""Chooses what of the service's environment an agent's CLI may see."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

from services.runner.runtimes.runtime import Place

SHARED_ENV: tuple[str, ...] = (
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
)
"""What every runtime's CLI may see: where programs are, how to reach the provider."""

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECRET_ENDS = ("KEY", "TOKEN", "SECRET", "PASSWORD")
_SHORTEST_SECRET = 8
"""Masking shorter values would eat ordinary text."""


def passing(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Those variables of `environ` that a name or glob of `names` lets through."""
    names = tuple(names)
    return {
        name: value
        for name, value in environ.items()
        if any(name == wanted or fnmatchcase(name, wanted) for wanted in names)
    }


def cli_environment(passed: Mapping[str, str], place: Place) -> dict[str, str]:
    """The variables all three CLIs are started with, upon what the operator passes through."""
    return {
        "PATH": _PATH,
        **passed,
        "HOME": str(place.home),
        "TMPDIR": str(place.tmp),
        "LANG": "C.UTF-8",
        # Times of day in the providers' messages are then in a known zone.
        "TZ": "UTC",
        "TERM": "dumb",
        "NO_COLOR": "1",
        # What the agent commits by itself never leaves its workspace, but without an identity
        # `git commit` fails and costs the agent turns.
        "GIT_AUTHOR_NAME": "Pawl agent",
        "GIT_AUTHOR_EMAIL": "agent@pawl.invalid",
        "GIT_COMMITTER_NAME": "Pawl agent",
        "GIT_COMMITTER_EMAIL": "agent@pawl.invalid",
    }


def names_secret(name: str) -> bool:
    """Whether a variable or field called `name` holds a secret by the look of its name."""
    return name.upper().endswith(_SECRET_ENDS)


def secret_values(passed: Mapping[str, str], found: Iterable[str] = ()) -> tuple[bytes, ...]:
    """What must be masked in output: the secrets of `passed` and `found` in files, longest first.

    The longest comes first so that a secret which contains another is masked whole.
    """
    values = {value for name, value in passed.items() if names_secret(name)}
    for name, value in passed.items():
        if name.upper() in _PROXIES:
            values.add(_proxy_password(value))
    values.update(found)
    encoded = {
        value.encode(errors="surrogateescape")
        for value in (value.strip() for value in values)
        if len(value) >= _SHORTEST_SECRET
    }
    return tuple(sorted(encoded, key=lambda value: (-len(value), value)))


def _proxy_password(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""
