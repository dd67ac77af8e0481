"""The chains that Podman's network program leaves in the machine's firewall when it is done."""

from typing import Final

from devcluster import shell

_NAT: Final = ("NETAVARK-HOSTPORT-DNAT", "NETAVARK-HOSTPORT-MASQ", "NETAVARK-HOSTPORT-SETMARK")
_FORWARD: Final = "NETAVARK_FORWARD"
_LOCAL: Final = ("-m", "addrtype", "--dst-type", "LOCAL", "-j", _NAT[0])
_JUMPS: Final = (
    ("nat", "PREROUTING", *_LOCAL),
    ("nat", "OUTPUT", *_LOCAL),
    ("nat", "POSTROUTING", "-j", _NAT[1]),
    (
        "filter",
        "FORWARD",
        "-m",
        "comment",
        "--comment",
        "netavark firewall plugin rules",
        "-j",
        _FORWARD,
    ),
)


def has_chains() -> bool:
    """Say whether somebody's Podman, ours or another, has made its chains."""
    return shell.succeeds(["iptables", "-w", "-n", "-L", _FORWARD])


def remove_chains() -> None:
    """Remove them; only for who knows that they were not there before."""
    for table, chain, *rule in _JUMPS:
        shell.succeeds(["iptables", "-w", "-t", table, "-D", chain, *rule])
    chains = [("filter", _FORWARD), *(("nat", chain) for chain in _NAT)]
    for action in ("-F", "-X"):
        for table, chain in chains:
            shell.succeeds(["iptables", "-w", "-t", table, action, chain])
