"""What Podman's network program leaves in the machine's firewall when it is done."""

import shlex
from typing import Final

from devcluster import shell

_MARK: Final = "NETAVARK"
_TABLES: Final = ("nat", "filter")


def has_chains() -> bool:
    """Say whether somebody's Podman, ours or another, has made its chains."""
    return any(_rules(table) for table in _TABLES)


def remove_chains() -> None:
    """Remove them; only for who knows that they were not there before."""
    for table in _TABLES:
        rules = _rules(table)
        for action, chain, *rest in rules:
            if action == "-A":
                shell.succeeds(["iptables", "-w", "-t", table, "-D", chain, *rest])
        for action, chain, *_ in rules:
            if action == "-N":
                shell.succeeds(["iptables", "-w", "-t", table, "-X", chain])


def _rules(table: str) -> list[list[str]]:
    listed = shell.output(["iptables", "-w", "-t", table, "-S"]).splitlines()
    return [shlex.split(line) for line in listed if _MARK in line]
