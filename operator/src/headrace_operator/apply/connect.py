"""Clients are made here, from what the settings say; nobody else builds one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kubernetes.aio import client, config
from kubernetes.aio.config.config_exception import ConfigException

from headrace_ledger.client import Ledger
from headrace_operator.apply.bucket import Bucket
from headrace_operator.apply.cluster import KubeCluster
from headrace_operator.apply.ledger import LedgerRows
from headrace_operator.apply.wire import Wire

if TYPE_CHECKING:
    from headrace_operator.metrics import Metrics


async def connect_cluster(
    rate: float, burst: int, metrics: Metrics, namespaces: tuple[str, ...]
) -> tuple[Wire, KubeCluster]:
    """Get in as the Pod's ServiceAccount, or by a kubeconfig where there is none."""
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = 64
    # No proxy stands between an operator and its API server; asking costs a thread each time.
    configuration.client_session_kwargs = {"trust_env": False}
    try:
        config.load_incluster_config(client_configuration=configuration)
    except ConfigException:
        await config.load_kube_config(client_configuration=configuration)
    wire = Wire(client.ApiClient(configuration), Bucket(rate, burst, time.monotonic), metrics)
    return wire, KubeCluster(wire, namespaces)


def connect_ledger(url: str) -> LedgerRows:
    """Prepare the ledger's client; it connects when it is first needed."""
    return LedgerRows(lambda: Ledger.connect(url, role="operator", min_size=1, max_size=4))
