"""Which repository of the forge a location means."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.orchestrator.source.location import SHORT, Location

WEB_PROTOCOLS = {"http", "https"}


@dataclass(frozen=True, slots=True)
class Slug:
    """A repository's name on the forge."""

    owner: str
    name: str


def slug_of(location: Location, web_url: str) -> Slug | None:
    """The repository `location` means on the forge at `web_url`; None if it lies elsewhere.

    By http, host, port and protocol have to be the forge's; by ssh the host alone, since ssh
    listens where it likes.
    """
    forge = urlsplit(web_url)
    if not forge.hostname or location.host != forge.hostname:
        return None
    if location.protocol in WEB_PROTOCOLS:
        return _below(location, web_url)
    if location.protocol == "ssh":
        return _slug(_ssh_path(location.url))
    return None


def _below(location: Location, web_url: str) -> Slug | None:
    forge, asked = urlsplit(web_url), urlsplit(location.url)
    ports = {"http": 80, "https": 443}
    if asked.scheme != forge.scheme:
        return None
    if (asked.port or ports[asked.scheme]) != (forge.port or ports[forge.scheme]):
        return None
    root = forge.path.rstrip("/") + "/"
    return _slug(asked.path.removeprefix(root)) if asked.path.startswith(root) else None


def _ssh_path(url: str) -> str:
    return urlsplit(url).path if "://" in url else url.partition(":")[2]


def _slug(path: str) -> Slug | None:
    match = re.fullmatch(SHORT, path.strip("/").removesuffix(".git"))
    if match is None or not match["name"].strip("."):
        return None
    return Slug(match["owner"], match["name"])
