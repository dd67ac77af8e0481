"""Where webhooks may go, and where nobody may send the gateway."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from headrace_gateway.webhooks.destinations import DestinationRefusedError, Destinations

PUBLIC = ("8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1")

REFUSED = {
    "loopback": "127.0.0.1",
    "all of loopback": "127.255.0.9",
    "loopback in IPv6": "::1",
    "private": "10.1.2.3",
    "private too": "172.31.255.255",
    "and private": "192.168.0.1",
    "shared": "100.64.0.1",
    "link-local": "169.254.7.7",
    "metadata": "169.254.169.254",
    "metadata that looks public": "168.63.129.16",
    "metadata of the shared range": "100.100.100.200",
    "metadata of the special range": "192.0.0.192",
    "metadata in IPv6": "fd00:ec2::254",
    "unique local": "fd12:3456::1",
    "site-local": "fec0::1",
    "link-local in IPv6": "fe80::1",
    "link-local with its zone": "fe80::1%eth0",
    "this network": "0.0.0.0",
    "this network too": "0.1.2.3",
    "unspecified": "::",
    "multicast": "224.0.0.1",
    "multicast in IPv6": "ff0e::1",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "a relay": "192.88.99.1",
    "for benchmarks": "198.18.0.1",
    "for documents": "203.0.113.9",
    "for documents in IPv6": "2001:db8::1",
    "for documents in IPv6 too": "3fff::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "compatible loopback": "::7f00:1",
    "translated loopback": "64:ff9b::7f00:1",
    "translated metadata": "64:ff9b::a9fe:a9fe",
    "translated somewhere local": "64:ff9b:1::808:808",
    "6to4 of a private one": "2002:a00:1::1",
    "Teredo": "2001:0:808:808::1",
    "outside of what is given out": "4000::1",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address):
    Destinations().judge("acme.example", 443, [address])


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED)
def test_nobody_is_sent_to_an_address_that_is(address):
    with pytest.raises(DestinationRefusedError, match=r"is at a "):
        Destinations().judge("acme.example", 443, [address])


def test_every_address_of_a_name_is_judged():
    with pytest.raises(DestinationRefusedError):
        Destinations().judge("acme.example", 443, ["8.8.8.8", "10.0.0.1"])


def test_a_refusal_says_no_address():
    with pytest.raises(DestinationRefusedError) as caught:
        Destinations().judge("acme.example", 443, ["10.0.0.1"])
    assert str(caught.value) == "'acme.example' is at a private or reserved address."


@pytest.mark.parametrize("port", [22, 80, 6443, 8080])
def test_a_port_that_is_not_for_https_is_refused_by_name(port):
    with pytest.raises(DestinationRefusedError, match=f"Port {port} of '.*' is none of 443, 8443"):
        Destinations().judge("acme.example", port, ["8.8.8.8"])


def test_a_closed_network_allows_ranges_and_ports_of_its_own():
    closed = Destinations(cidrs=(ip_network("10.20.0.0/16"),), ports=frozenset({9443}))
    closed.judge("hooks.corp", 9443, ["10.20.0.1", "::ffff:10.20.0.1"])
    with pytest.raises(DestinationRefusedError):
        closed.judge("hooks.corp", 9443, ["10.21.0.1"])


def test_nothing_opens_metadata_or_the_nodes():
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    open_wide = Destinations(cidrs=everything, shut=(ip_network("8.8.0.0/16"),))
    open_wide.judge("acme.example", 443, ["127.0.0.1"])
    for address, word in (("169.254.169.254", "a metadata"), ("8.8.8.8", "a node's")):
        with pytest.raises(DestinationRefusedError, match=word):
            open_wide.judge("acme.example", 443, [address])
