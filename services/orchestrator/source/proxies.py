"""Which of the operator's proxies an address is reached by."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

LOOKS_UP_ITSELF = {"socks4", "socks5"}
"""Proxies that are told addresses; all others are told names."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """The one that applies."""

    variable: str
    """The environment variable it came from."""
    url: str = field(repr=False)
    """May hold a password."""

    @property
    def resolves(self) -> bool:
        """Whether the proxy, not who uses it, finds out the host's address."""
        return self.url.partition("://")[0].lower() not in LOOKS_UP_ITSELF


def proxy_for(scheme: str, host: str, port: int, network: Mapping[str, str]) -> Proxy | None:
    """The proxy for a host (IPv6 without brackets), as curl and git read their variables."""
    spared = network.get("no_proxy") or network.get("NO_PROXY") or ""
    if any(_spares(entry.strip().lower(), host, port) for entry in spared.split(",")):
        return None
    name = f"{scheme}_proxy"
    # The upper-case HTTP_PROXY is left out: a web server would let its callers set it.
    names = (name, name.upper()) if scheme == "https" else (name,)
    return next((Proxy(n, network[n]) for n in names if network.get(n)), None)


def _spares(entry: str, host: str, port: int) -> bool:
    """Whether `entry` of NO_PROXY means `host`: a name, a domain or a network."""
    if entry == "*":
        return True
    domain = entry.removeprefix(".")
    names = (host, f"{host}:{port}")
    if domain and any(name == domain or name.endswith("." + domain) for name in names):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
