"""What the month costs each tenant: asked once a minute, since it is a sum over all calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_operator.model.spend import month_spend
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
