"""
Where an HTTP step may connect to. Pure: names are resolved elsewhere, once, and before.

A NetworkPolicy says the same to the network; not every network listens.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace_contract.addresses import METADATA, meanings, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headrace_contract.addresses import Address
    from headrace_contract.compiled import CompiledEgress


class EgressRefusedError(Exception):
    """The step wants to reach what it may not; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Egress:
    """What the compiled pipeline opens."""

    rules: Sequence[CompiledEgress]
    allow_loopback: bool = False
    node_cidrs: Sequence[str] = ()

    def choose(self, host: str, port: int, addresses: Iterable[str]) -> str:
        """Return the address to connect to; every address of the host must be harmless."""
        found = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
        for address in found:
            self._refuse_forbidden(host, address)
        for address in found:
            if self._opened(host, port, address):
                return str(plain(address))
        message = f"No egress rule of the pipeline opens '{host}' at port {port}."
        raise EgressRefusedError(message)

    def _refuse_forbidden(self, host: str, address: Address) -> None:
        for meant in meanings(address):
            if self.allow_loopback and meant.is_loopback:
                continue
            word = _forbidden(meant) or self._of_a_node(meant)
            if word:
                message = f"'{host}' is {word} address, which no rule can open."
                raise EgressRefusedError(message)

    def _of_a_node(self, address: Address) -> str | None:
        nodes = (ipaddress.ip_network(cidr) for cidr in self.node_cidrs)
        return "a node's" if any(address in network for network in nodes) else None

    def _opened(self, host: str, port: int, address: Address) -> bool:
        if self.allow_loopback and address.is_loopback:
            return True
        return any(port in rule.ports and _within(rule, host, address) for rule in self.rules)


def _within(rule: CompiledEgress, host: str, address: Address) -> bool:
    if rule.namespace is not None:
        name = host.lower().rstrip(".").removesuffix(".cluster.local")
        return name.endswith(f".{rule.namespace}.svc")
    if rule.cidr is None:
        return False
    return plain(address) in ipaddress.ip_network(rule.cidr, strict=False)


def _forbidden(address: Address) -> str | None:
    return next((word for word, is_one in _FORBIDDEN if is_one(address)), None)


_FORBIDDEN: Final[tuple[tuple[str, Callable[[Address], bool]], ...]] = (
    ("a metadata", lambda address: any(address in network for network in METADATA)),
    ("a loopback", lambda address: address.is_loopback),
    ("a link-local", lambda address: address.is_link_local),
    ("a multicast", lambda address: address.is_multicast),
    ("an unspecified", lambda address: int(address) >> 24 == 0),  # 0.0.0.0/8, and `::`
    ("a reserved", lambda address: address.version == 4 and address.is_reserved),  # noqa: PLR2004 -- NAT64 is "reserved" too
)
