"""
The pod network of our own nodes: kind's default one is an image that we cannot pull.

It is what kind's own does, by hand: an address range per node, and a route to each of the others.
Nothing in it enforces NetworkPolicy.
"""

import json
from dataclasses import dataclass
from typing import Final

from devcluster import shell
from devcluster.engine import Engine

PODS: Final = "10.244.0.0/16"
SERVICES: Final = "10.96.0.0/16"
_DEADLINE = 60.0

_SCRIPT: Final = """
mkdir -p /etc/cni/net.d
cat > /etc/cni/net.d/10-headrace.conflist <<'EOF'
{conflist}
EOF
{routes}
iptables -t nat -A POSTROUTING -s {own} ! -d {pods} -j MASQUERADE
# The address of a Service that kube-proxy has not programmed yet must not leave the machine:
# somebody else's host would get the first connection, and the client would stay with it.
iptables -A OUTPUT -d {services} -j REJECT
iptables -A FORWARD -d {services} -j REJECT
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A node's name, its address and the addresses of its pods."""

    name: str
    address: str
    pods: str


def connect(engine: Engine) -> None:
    """Give every node its configuration and its routes to the others' pods."""
    seen: list[Node] = []

    def have_ranges() -> bool:
        seen[:] = _nodes(engine)
        return all(node.pods for node in seen)

    shell.until("every node has a range of pod addresses", _DEADLINE, have_ranges)
    for node in seen:
        engine.inside(node.name, ["sh", "-eu"], stdin=_script(node, seen))


def _nodes(engine: Engine) -> list[Node]:
    items = json.loads(engine.kubectl("get", "nodes", "--output=json"))["items"]
    return [
        Node(
            name=item["metadata"]["name"],
            address=next(
                a["address"] for a in item["status"]["addresses"] if a["type"] == "InternalIP"
            ),
            pods=item["spec"].get("podCIDR", ""),
        )
        for item in items
    ]


def _script(node: Node, nodes: list[Node]) -> str:
    routes = [f"ip route replace {n.pods} via {n.address}" for n in nodes if n != node]
    return _SCRIPT.format(
        conflist=json.dumps(_conflist(node)),
        routes="\n".join(routes),
        own=node.pods,
        pods=PODS,
        services=SERVICES,
    )


def _conflist(node: Node) -> dict[str, object]:
    ranges = [[{"subnet": node.pods}]]
    ipam = {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": "0.4.0",
        "name": "headrace",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": ipam},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
