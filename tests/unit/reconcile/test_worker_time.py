"""Ready workers, on their way to what they cost, in a world in memory."""

from __future__ import annotations

from decimal import Decimal

import pytest

import make
from headrace_contract.resources.budgets import WorkerPrice
from headrace_operator.model.ready_workers import hourly
from headrace_operator.model.resource import DEPLOYMENTS
from headrace_operator.reconcile.spend import count_workers
from worlds import TENANT, settled

PRICE = {"cpuHour": "0.04", "memoryGiBHour": "0.005"}


def rolled(one, ready):
    """Let the only pool have so many ready workers."""
    [(key, entry)] = one.world.cache.of_kind(DEPLOYMENTS.kind)
    body = entry.body()
    body["status"] = {"readyReplicas": ready}
    body["metadata"]["resourceVersion"] = str(entry.version + 1)
    assert one.world.cache.saw(body), key


async def told(one):
    """Count; return what the ledger was told of, or nothing if it was not."""
    one.ledger.workers.clear()
    await count_workers(one.world)
    found, currency = one.ledger.workers.get("acme", ((), None))
    return [(row.pool, row.ready, row.hourly, currency) for row in found]


async def test_ready_workers_are_told_with_their_price_and_once_more_when_they_are_gone():
    one = await settled()
    rolled(one, 3)
    assert await told(one) == []  # nobody gave a price
    one.applies(make.tenant(workerPrice=PRICE))
    await one.settle()
    [(pool, ready, price, currency)] = await told(one)
    assert (ready, price, currency) == (3, Decimal("0.01125"), "USD")  # 250m and 256Mi
    rolled(one, 0)
    assert [row[:2] for row in await told(one)] == [(pool, 0)]
    assert await told(one) == []  # at rest nothing is written


async def test_workers_in_a_namespace_of_another_tenant_are_not_told():
    one = await settled()
    rolled(one, 3)
    one.applies(make.tenant(workerPrice=PRICE, namespaces=["elsewhere"]))
    await one.settle()
    assert await told(one) == []
    assert one.status(TENANT)["namespaces"] == ["elsewhere"]


REQUESTS = {
    "cores and memory": ([{"cpu": "2", "memory": "4Gi"}], "0.10"),
    "thousandths": ([{"cpu": "250m"}], "0.01"),
    "several containers": ([{"cpu": "1"}, {"cpu": "1"}], "0.08"),
    "none": ([{}], "0"),
    "bytes": ([{"memory": "1073741824"}], "0.005"),
}


@pytest.mark.parametrize(("requests", "want"), REQUESTS.values(), ids=REQUESTS)
def test_a_worker_costs_what_it_requests(requests, want):
    containers = [{"name": f"c-{n}", "resources": {"requests": r}} for n, r in enumerate(requests)]
    deployment = {"spec": {"template": {"spec": {"containers": containers}}}}
    assert hourly(deployment, WorkerPrice.model_validate(PRICE)) == Decimal(want)
