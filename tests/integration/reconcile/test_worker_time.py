"""Workers that a real API server says are ready are told to the ledger with their price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from headrace_contract.names import pool_name
from headrace_operator.model.resource import DEPLOYMENTS

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]


async def test_ready_workers_reach_the_ledger_at_what_they_request(keda, place, op, ledger):
    price = {"cpuHour": "0.04", "memoryGiBHour": "0.08", "currency": "EUR"}
    await place.settle(op)
    await op.apply(place.tenant(workerPrice=price))
    path = DEPLOYMENTS.path(place.namespace, pool_name("essay", "writers"))
    says = {"status": {"replicas": 2, "readyReplicas": 2}}
    merge = "application/merge-patch+json"
    await op.wire._send("PATCH", f"{path}/status", body=says, content=merge)

    async def told() -> bool:
        rows, currency = ledger.workers.get(place.namespace, ((), None))
        found = [(one.pool, one.ready, one.hourly) for one in rows]
        return (found, currency) == ([("writers", 2, Decimal("0.03"))], "EUR")  # 250m, 256Mi

    await op.until("two workers are told of", told)
    [row] = ledger.workers[place.namespace][0]
    pipeline = await op.get(place.pipeline_path)
    assert row.pipeline == pipeline["metadata"]["uid"]
