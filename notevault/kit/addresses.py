"""Which IP addresses are the world's, and which are somebody's own network."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """False for what is private, loopback, link-local (cloud metadata) or multicast.

    An IPv6 address that leads to one of IPv4 is judged by that. ValueError for no address.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    goal = (isinstance(found, IPv6Address) and _carried(found)) or found
    return goal.is_global and not goal.is_multicast


def is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
