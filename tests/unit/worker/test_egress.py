"""Where an HTTP step may connect to."""

from __future__ import annotations

import pytest

from headrace_worker.steps.egress import Egress, EgressRefusedError
from worker_scenes import egress

EVERYWHERE = [egress(cidr="0.0.0.0/0"), egress(cidr="::/0")]
INSIDE = [egress(namespace="team", ports=[8080])]

OPENED = {
    "a public address in an opened range": (
        EVERYWHERE,
        "example.org",
        443,
        ["93.184.216.34"],
        "93.184.216.34",
    ),
    "a private address in an opened range": (
        [egress(cidr="10.0.0.0/8")],
        "db",
        443,
        ["10.1.2.3"],
        "10.1.2.3",
    ),
    "an IPv6 address in an opened range": (
        [egress(cidr="2001:db8::/32")],
        "x",
        443,
        ["2001:db8::1"],
        "2001:db8::1",
    ),
    "the first of several that is opened": (
        [egress(cidr="10.0.0.0/8")],
        "x",
        443,
        ["2001:db8::1", "10.0.0.1"],
        "10.0.0.1",
    ),
    "a v4-mapped address is judged as the v4 it is": (
        [egress(cidr="10.0.0.0/8")],
        "x",
        443,
        ["::ffff:10.0.0.1"],
        "10.0.0.1",
    ),
    "a service of an opened namespace": (INSIDE, "api.team.svc", 8080, ["10.96.0.9"], "10.96.0.9"),
    "its long name, with the dot, in any case": (
        INSIDE,
        "API.team.svc.cluster.local.",
        8080,
        ["10.96.0.9"],
        "10.96.0.9",
    ),
    "a pod behind a headless service": (
        INSIDE,
        "api-0.api.team.svc",
        8080,
        ["10.96.0.9"],
        "10.96.0.9",
    ),
    "a second port of a rule": (
        [egress(cidr="10.0.0.0/8", ports=[443, 9200])],
        "x",
        9200,
        ["10.0.0.1"],
        "10.0.0.1",
    ),
}


@pytest.mark.parametrize(("rules", "host", "port", "found", "want"), OPENED.values(), ids=OPENED)
def test_opened(rules, host, port, found, want):
    assert Egress(rules).choose(host, port, found) == want


FORBIDDEN = {
    "the metadata address of most clouds": "169.254.169.254",
    "the credentials address of a pod on AWS": "169.254.170.23",
    "the metadata address of AWS in IPv6": "fd00:ec2::254",
    "the metadata address of GCP in IPv6": "fd20:ce::254",
    "the metadata address of Alibaba": "100.100.100.200",
    "the wire server of Azure": "168.63.129.16",
    "the metadata address of Oracle": "192.0.0.192",
    "loopback": "127.0.0.1",
    "any other loopback": "127.9.9.9",
    "loopback in IPv6": "::1",
    "link-local": "169.254.1.1",
    "link-local in IPv6": "fe80::1",
    "link-local with a zone": "fe80::1%eth0",
    "nowhere": "0.0.0.0",
    "this network": "0.1.2.3",
    "nowhere in IPv6": "::",
    "multicast": "224.0.0.1",
    "multicast in IPv6": "ff02::1",
    "broadcast": "255.255.255.255",
    "metadata, mapped into IPv6": "::ffff:169.254.169.254",
    "loopback, mapped into IPv6": "::ffff:127.0.0.1",
    "metadata, as NAT64 writes it": "64:ff9b::a9fe:a9fe",
    "metadata, as local NAT64 writes it": "64:ff9b:1::a9fe:a9fe",
    "metadata, as 6to4 writes it": "2002:a9fe:a9fe::1",
    "loopback, as the old compatible form writes it": "::127.0.0.1",
}


@pytest.mark.parametrize("address", FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_no_rule_can_open(address):
    with pytest.raises(EgressRefusedError, match="which no rule can open"):
        Egress(EVERYWHERE).choose("example.org", 443, [address])


NODES = {
    "an address of a node": "10.128.0.7",
    "one in IPv6": "2001:db8:1::7",
    "one mapped into IPv6": "::ffff:10.128.0.7",
}


@pytest.mark.parametrize("address", NODES.values(), ids=NODES)
def test_the_nodes_are_closed_where_the_operator_knows_them(address):
    rules = [*EVERYWHERE, egress(namespace="team")]
    told = Egress(rules, node_cidrs=("10.128.0.0/20", "2001:db8:1::/64"))
    with pytest.raises(EgressRefusedError, match="is a node's address, which no rule can open"):
        told.choose("api.team.svc", 443, [address])
    assert told.choose("example.org", 443, ["93.184.216.34"]) == "93.184.216.34"


def test_one_forbidden_address_spoils_a_name_with_good_ones():
    with pytest.raises(EgressRefusedError, match=r"link-local|metadata"):
        Egress(EVERYWHERE).choose("rebind.example", 443, ["93.184.216.34", "169.254.169.254"])


CLOSED = {
    "nothing is open by default": ([], "example.org", 443, "93.184.216.34"),
    "a port that no rule names": (EVERYWHERE, "example.org", 22, "93.184.216.34"),
    "an address beside the range": ([egress(cidr="10.0.0.0/8")], "x", 443, "11.0.0.1"),
    "an IPv6 address under an IPv4 rule": ([egress(cidr="0.0.0.0/0")], "x", 443, "2001:db8::1"),
    "a service of another namespace": (INSIDE, "api.other.svc", 8080, "10.96.0.9"),
    "a namespace that only ends in its name": (INSIDE, "api.myteam.svc", 8080, "10.96.0.9"),
    "a host outside that contains the words": (
        INSIDE,
        "api.team.svc.evil.example",
        8080,
        "10.96.0.9",
    ),
    "the port of another rule": (
        [*INSIDE, egress(cidr="10.0.0.0/8")],
        "x.team.svc",
        80,
        "10.96.0.9",
    ),
}


@pytest.mark.parametrize(("rules", "host", "port", "address"), CLOSED.values(), ids=CLOSED)
def test_closed(rules, host, port, address):
    with pytest.raises(EgressRefusedError, match="No egress rule"):
        Egress(rules).choose(host, port, [address])


def test_a_laptop_may_open_its_own_loopback_and_nothing_else_by_it():
    laptop = Egress([], allow_loopback=True)
    assert laptop.choose("localhost", 8000, ["127.0.0.1"]) == "127.0.0.1"
    with pytest.raises(EgressRefusedError):
        laptop.choose("x", 8000, ["169.254.169.254"])
    with pytest.raises(EgressRefusedError):
        laptop.choose("x", 8000, ["93.184.216.34"])
