"""Judges the host of an address without looking it up."""

import ipaddress
import re

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

# Lists of our own, since those of `ipaddress` change with Python's patches and leave gaps.
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.2.0/24",  # documentation, as are the two below
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "::1/128",
        "fc00::/7",
    )
)
# Nobody's repository is here, on no network.
_NOWHERE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # metadata, as are the three of one address below
        "168.63.129.16/32",
        "169.254.0.0/16",  # link-local, and metadata
        "192.0.0.0/24",  # protocols, and metadata
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "::/128",
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",  # documentation, as 3fff::/20
        "2002::/16",  # 6to4: IPv4 addresses inside
        "3ffe::/16",
        "3fff::/20",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
    )
)
_UNICAST = tuple(ipaddress.ip_network(network) for network in ("2000::/3", "fc00::/7", "::1/128"))
"""All of IPv6 where a host can be. IPv4 inside of IPv6 and link-local addresses are elsewhere."""

_NO_REPOSITORY = "Its host is an address where no repository can be. Write the host's name."
LOCAL_FORBIDDEN = "this deployment allows no local repositories (PAWL_ALLOW_LOCAL_REPOSITORIES)"
_PRIVATE_HOST = f"Its host is of a private network; {LOCAL_FORBIDDEN}. Use a public host."

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Denied(Exception):
    """The address may not be used. Its sentence never quotes the address."""


def canonical(host: str, *, local: bool) -> str:
    """The host in its one spelling. Raises Denied for private ones, unless `local`."""
    if host.startswith("["):
        try:
            address: _Address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise Denied("Its host is no IPv6 address. Write the host's name.") from None
        if "%" in host:
            raise Denied("Its host names a network interface. Write the host's name.")
        name = f"[{address.compressed}]"
    elif len(host) > 253 or not _HOST.fullmatch(host):
        raise Denied(
            "Its host is no host name. Use letters, digits, dots and dashes only, and the xn--"
            " form of a name in another script."
        )
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        # 0x7f.1, 2130706433 and 0177.0.0.1 all reach 127.0.0.1 in one resolver or another.
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError:
            raise Denied("Its host is an oddly written number. Write the host's name.") from None
        name = str(address)
    else:
        _check_name(host.lower(), local=local)
        return host.lower()
    _check_number(address, local=local)
    return name


def _check_name(name: str, *, local: bool) -> None:
    if name in _METADATA_NAMES:
        raise Denied(_NO_REPOSITORY)
    last = name.rpartition(".")[2]
    if not local and (last == name or last in _PRIVATE_NAMES):
        raise Denied(_PRIVATE_HOST)


def _check_number(address: _Address, *, local: bool) -> None:
    # An address is never in a network of the other version.
    if any(address in network for network in _NOWHERE) or (
        address.version == 6 and not any(address in network for network in _UNICAST)
    ):
        raise Denied(_NO_REPOSITORY)
    if not local and any(address in network for network in _PRIVATE):
        raise Denied(_PRIVATE_HOST)


def loopback(host: str) -> bool:
    """Whether the host is this machine, by its canonical spelling."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
