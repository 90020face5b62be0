"""Which places a browser may have reached the dashboard at."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Origins:
    """The dashboard's own origins; anything else is another site, or a name that was rebound."""

    allowed: frozenset[str]

    @classmethod
    def of(cls, given: Iterable[str], address: str) -> "Origins":
        """Those that are given; without any, this machine's at the ``host:port`` it listens on."""
        host, _, port = address.rpartition(":")
        names = {host, "127.0.0.1", "localhost"} if host in {"127.0.0.1", "0.0.0.0"} else {host}  # noqa: S104
        own = {f"http://{name}:{port}" for name in names - {"0.0.0.0"}}  # noqa: S104
        return cls(frozenset(map(as_told, frozenset(given) or own)))

    @property
    def hosts(self) -> frozenset[str]:
        """What the Host header may be."""
        return frozenset(urlsplit(origin).netloc for origin in self.allowed)

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach it by https alone."""
        return all(origin.startswith("https://") for origin in self.allowed)


def as_told(origin: str) -> str:
    """As browsers write it: in lower case, without the port that goes without saying."""
    scheme, _, netloc = origin.lower().partition("://")
    return f"{scheme}://{netloc.removesuffix(DEFAULT_PORTS[scheme])}"
