"""Addresses that others gave, made fit to be followed: http and https alone, the host told."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Link:
    """Where it leads to, and whose place that is."""

    address: str
    host: str
    label: str


def link(address: str) -> Link | None:
    """`address` as a link; None for what a browser should not follow."""
    if not address.isprintable() or not address.isascii() or " " in address:
        return None
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        return None
    return Link(address, host + port, parts.path.strip("/") or host)
