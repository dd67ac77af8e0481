"""Where webhooks may go. Pure: names are resolved elsewhere, anew for each try."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace_contract.addresses import METADATA, NAT64, meanings, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace_contract.addresses import Address, Network

PORTS: Final = frozenset({443, 8443})

_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
# What Python 3.11 takes for global and no packet of ours has to reach.
_SPECIAL: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(cidr) for cidr in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")
)


class DestinationRefusedError(Exception):
    """No webhook may go there; the message says what and why, and no address."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """Public addresses at few ports, and what a closed network adds to them."""

    cidrs: tuple[Network, ...] = ()
    """Ranges that are allowed beside public ones."""
    ports: frozenset[int] = PORTS
    shut: tuple[Network, ...] = ()
    """Ranges that are not, public or allowed as they may be: the nodes'."""

    def judge(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Raise unless the port is allowed, and every address of the host."""
        if port not in self.ports:
            known = ", ".join(str(one) for one in sorted(self.ports))
            message = f"Port {port} of '{host}' is none of {known}."
            raise DestinationRefusedError(message)
        for address in addresses:
            # A zone would be link-local, which is refused with or without its name.
            word = self._wrong(plain(ipaddress.ip_address(address.partition("%")[0])))
            if word:
                message = f"'{host}' is at {word} address."
                raise DestinationRefusedError(message)

    def _wrong(self, address: Address) -> str | None:
        for meant in meanings(address):
            if _within(meant, METADATA):
                return "a metadata"
            if _within(meant, self.shut):
                return "a node's"
            if not _within(meant, self.cidrs) and not _is_public(meant):
                return "a private or reserved"
        return None


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global or _within(address, _SPECIAL):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not address.is_reserved
    return address in _GLOBAL or address in NAT64  # behind which an IPv4 address is judged


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
