"""Addresses that no declaration opens; the NetworkPolicy and the HTTP steps both refuse them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

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
