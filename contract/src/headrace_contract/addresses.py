"""Addresses that no declaration opens: NetworkPolicies, HTTP steps and webhooks all refuse them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Where clouds tell a machine its secrets: all of them in the link-local range, and some elsewhere.
METADATA: Final[tuple[Network, ...]] = tuple(
    ip_network(cidr)
    for cidr in (
        "169.254.0.0/16",
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # GCP
    )
)

NAT64: Final = IPv6Network("64:ff9b::/96")
_TRANSLATED: Final = (NAT64, IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE: Final = IPv6Network("::/96")


def plain(address: Address) -> Address:
    """Return the address as a packet would carry it."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def meanings(address: Address) -> Iterator[Address]:
    """Yield the address and every IPv4 address that is hidden in it."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _TRANSLATED) or (
        address in _COMPATIBLE and int(address) > 1
    ):
        yield low
