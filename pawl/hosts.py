"""Judges hosts of repositories, and addresses found behind them, without looking anything up.

canonical(host)                   its one spelling
HostRules.judge(host)             by its name or number alone
HostRules.judge_found(address)    each address that somebody's resolver gave for it
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pawl.addresses import Address, Kind, Network, behind, kind

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"\d+|0[xX][0-9A-Fa-f]*")
_PRIVATE_NAMES = frozenset(
    [
        *("alt", "cluster", "consul", "corp", "docker", "home", "internal", "intra", "intranet"),
        *("invalid", "lan", "local", "localdomain", "localhost", "onion", "private", "svc", "test"),
        "arpa",
    ]
)
"""Last labels of names that mean something only on somebody's own network, or nowhere."""
_METADATA_NAMES = frozenset(
    [
        *("instance-data", "instance-data.ec2.internal"),
        *("metadata", "metadata.goog", "metadata.google.internal"),
    ]
)


class Denied(Exception):
    """The address may not be used. Its sentences never quote the address."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what} {remedy}".strip())
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts as an operator lists them."""

    names: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()
    """Each with a dot before it; a domain's own name is none of its hosts."""
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Hosts":
        """Reads names, ``*.domain``, addresses and networks. Raises ValueError naming an entry."""
        names, domains, networks = set(), [], []
        for entry in entries:
            name = entry.lower()
            if name.startswith("*.") and _is_name(name[2:]):
                domains.append(name[1:])
            elif _is_name(name):
                names.add(name)
            else:
                networks.append(_network(entry))
        return cls(frozenset(names), tuple(domains), tuple(networks))

    def __bool__(self) -> bool:
        """Whether anything is listed."""
        return bool(self.names or self.domains or self.networks)

    def __contains__(self, host: str) -> bool:
        """Whether `host`, canonical, is listed by name or, where it is a number, by network."""
        number = _as_number(host)
        if number is not None:
            return self.holds(number)
        return host in self.names or host.endswith(self.domains)

    def holds(self, address: Address) -> bool:
        """Whether a network that is listed holds `address`."""
        return any(address in network for network in self.networks)


NO_HOSTS = Hosts()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRules:
    """Which hosts a deployment's repositories may be on."""

    local: bool = False
    """This machine is allowed, where it is called what it is: ``localhost``, ``127.0.0.1``."""
    private: Hosts = NO_HOSTS
    """May lead to private networks: a name wherever it leads, a network whoever leads there."""
    allowed: Hosts = NO_HOSTS
    """None but these; where it is empty, all."""

    def judge(self, host: str) -> None:
        """Raises Denied for a canonical `host` that its name or number tells enough of."""
        number = _as_number(host)
        if host in _METADATA_NAMES:
            raise _nowhere()
        if number is not None:
            self._judge_number(number, host)
        elif _is_private_name(host) and not self._may_be_private(host):
            raise _private(host)
        if self.allowed and host not in self.allowed:
            raise Denied(
                "Its host is not among those this deployment allows.",
                "Use a repository on one of them, or have it added to PAWL_ALLOWED_HOSTS.",
            )

    def judge_found(self, found: str, *, host: str) -> None:
        """Raises Denied where the address `found` is none that `host` may lead to."""
        self._judge_number(behind(ipaddress.ip_address(found)), host)

    def trusting(self, host: str) -> "HostRules":
        """These, for a `host` that the operator names elsewhere: it may lead where it likes."""
        number = _as_number(host)
        listed = replace(
            self.private,
            names=self.private.names | {host},
            networks=self.private.networks + ((ipaddress.ip_network(number),) if number else ()),
        )
        return replace(self, private=listed, allowed=NO_HOSTS)

    def _may_be_private(self, host: str) -> bool:
        # Where networks are listed, its addresses will be compared with those.
        listed = host in self.private or bool(self.private.networks)
        return listed or (self.local and loopback(host))

    def _judge_number(self, number: Address, host: str) -> None:
        what = kind(number)
        if what is Kind.NOWHERE:
            raise _nowhere()
        if what is Kind.PUBLIC or host in self.private or self.private.holds(number):
            return
        if not (what is Kind.LOOPBACK and self.local and loopback(host)):
            raise _private(host)


def canonical(host: str) -> str:
    """The host in its one spelling, IPv6 in brackets. Raises Denied for what is no host."""
    if host.startswith("["):
        try:
            number: Address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise Denied("Its host is no IPv6 address.", "Write the host's name.") from None
        if "%" in host:
            raise Denied("Its host names a network interface.", "Write the host's name.")
        return f"[{number.compressed}]"
    if not _is_host(host):
        raise Denied(
            "Its host is no host name.",
            "Use letters, digits, dots and dashes only, and the xn-- form of a name in another"
            " script.",
        )
    if not _looks_numeric(host):
        return host.lower()
    # 0x7f.1, 2130706433 and 0177.0.0.1 all reach 127.0.0.1 in one resolver or another.
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise Denied("Its host is an oddly written number.", "Write the host's name.") from None


def loopback(host: str) -> bool:
    """Whether a canonical `host` is this machine by what it is called."""
    number = _as_number(host)
    if number is not None:
        return kind(number) is Kind.LOOPBACK
    return host == "localhost" or host.endswith(".localhost")


def _is_host(host: str) -> bool:
    return len(host) <= 253 and _HOST.fullmatch(host) is not None


def _looks_numeric(host: str) -> bool:
    return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _is_name(host: str) -> bool:
    return _is_host(host) and not _looks_numeric(host)


def _is_private_name(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last == name or last in _PRIVATE_NAMES


def _as_number(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry.strip("[]"))
    except ValueError:
        raise ValueError(
            f"{entry} is no host; write a name, *.domain, an address or a network such as"
            " 10.1.0.0/16"
        ) from None


def _nowhere() -> Denied:
    return Denied("Its host is an address where no repository can be.", "Write the host's name.")


def _private(host: str) -> Denied:
    if loopback(host):
        return Denied(
            "Its host is the machine itself, and this deployment allows no local repositories"
            " (PAWL_ALLOW_LOCAL_REPOSITORIES).",
            "Use a public host.",
        )
    return Denied(
        "Its host is of a private network, and not among those this deployment allows to be.",
        "Use a public host, or have it added to PAWL_PRIVATE_HOSTS.",
    )
