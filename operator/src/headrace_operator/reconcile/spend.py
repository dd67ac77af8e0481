"""What tenants spend: the month's calls are summed once a minute, ready workers are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_operator.model.ready_workers import ready_workers
from headrace_operator.model.resource import DEPLOYMENTS
from headrace_operator.model.spend import month_spend
from headrace_operator.model.tenancy import holdings
from headrace_operator.reconcile.gather import tenants

if TYPE_CHECKING:
    from headrace_operator.reconcile.world import World


async def look_at_costs(world: World) -> None:
    """Ask what the UTC month has cost each tenant; one for which that is news is due."""
    for tenant in tenants(world):
        key = tenant.identity.key
        now = world.now()
        found = month_spend(await world.ledger.month_costs(tenant.name, now.date()), now)
        if found != world.board.spends.get(key):
            world.board.spends[key] = found
            world.queue.add(key)


async def count_workers(world: World) -> None:
    """Tell the ledger of the ready workers of every tenant that prices them.

    A pool that has none any more is told of once, for the time of its last ones.
    """
    everybody = tenants(world)
    for tenant in everybody:
        price = tenant.spec.worker_price
        if price is None:
            continue
        held, _ = holdings(tenant, everybody)
        deployments = [
            entry.body()
            for key, entry in world.cache.of_kind(DEPLOYMENTS.kind)
            if key.namespace in held
        ]
        key, before = tenant.identity.key, world.board.workers
        found = ready_workers(deployments, price)
        busy = {(one.pipeline, one.pool) for one in found if one.ready}
        told = [one for one in found if (one.pipeline, one.pool) in busy | before.get(key, set())]
        if told:
            await world.ledger.count_workers(tenant.name, told, price.currency)
        before[key] = busy
