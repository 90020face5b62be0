"""What kind of place an IP address is, by tables of our own."""

import ipaddress
from enum import Enum, auto

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Kind(Enum):
    """Who is at an address."""

    PUBLIC = auto()
    PRIVATE = auto()
    """Somebody's own network."""
    LOOPBACK = auto()
    """This machine."""
    NOWHERE = auto()
    """No repository, on no network: metadata, links, groups, one version inside of the other."""


def _networks(*networks: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in networks)


_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
# Lists of our own, since those of `ipaddress` change with Python's patches and leave gaps.
_PRIVATE = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",  # carriers
    "172.16.0.0/12",
    "192.0.2.0/24",  # documentation, as are the two below
    "192.168.0.0/16",
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",
    "203.0.113.0/24",
    "fc00::/7",
)
_NOWHERE = _networks(
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
_UNICAST = _networks("2000::/3", "fc00::/7", "::1/128")
"""All of IPv6 where a host can be. IPv4 inside of IPv6 and link-local addresses are elsewhere."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def kind(address: Address) -> Kind:
    """What is at `address`."""
    # An address is never in a network of the other version.
    if _among(address, _NOWHERE) or (address.version == 6 and not _among(address, _UNICAST)):
        return Kind.NOWHERE
    if _among(address, _LOOPBACK):
        return Kind.LOOPBACK
    return Kind.PRIVATE if _among(address, _PRIVATE) else Kind.PUBLIC


def behind(address: Address) -> Address:
    """The IPv4 address that a network without IPv4 reaches by `address`; others as they are.

    There resolvers answer every name that has IPv4 alone with such addresses.
    """
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address


def _among(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
