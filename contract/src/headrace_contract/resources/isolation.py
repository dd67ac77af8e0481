"""How the namespaces of a tenant are kept apart from the rest of the cluster."""

from __future__ import annotations

from typing import Literal

from headrace_contract.resources.base import Spec

NetworkIsolation = Literal["Baseline", "Strict"]


class Isolation(Spec):
    """How the namespaces of a tenant are kept apart."""

    network_policy: NetworkIsolation = "Baseline"
    """Workers reach the gateway, DNS and a pipeline's `egress`; no `egress` with 'Strict'."""

    @property
    def strict(self) -> bool:
        """Say whether workers reach the gateway and DNS only, whatever pipelines declare."""
        return self.network_policy == "Strict"
