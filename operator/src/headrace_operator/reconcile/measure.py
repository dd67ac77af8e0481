"""How limits stand: told to the ledger, and read back from it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from headrace_contract.names import PLATFORM_TENANT
from headrace_operator.model.usage import digest_of
from headrace_operator.plan.limits import learnt_owner, provider_limits, tenant_limits
from headrace_operator.reconcile.gather import providers, tenants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from headrace_operator.model.resource import Key
    from headrace_operator.model.usage import Cooldown, Usage
    from headrace_operator.plan.limits import LimitsPlan
    from headrace_operator.reconcile.world import World


async def enforce(key: Key, plan: LimitsPlan, world: World) -> None:
    """Write an object's limits, and look whether the ledger has them, unless that is known."""
    await world.ledger.put_limits(plan)
    if digest_of(world.board.usages.get(key, ())) != plan.digest:
        world.board.usages[key] = _of(plan, await world.ledger.usage(plan.tenant))


async def measure(world: World) -> None:
    """Ask how all limits stand, in one call a tenant; whose standing changed is due."""
    plans: defaultdict[str, list[tuple[Key, LimitsPlan]]] = defaultdict(list)
    for key, plan in _declared(world):
        plans[plan.tenant].append((key, plan))
    for tenant, declared in plans.items():
        usages = await world.ledger.usage(tenant)
        for key, plan in declared:
            _note(key, plan, _of(plan, usages), world)
    await _look_for_learnt(world)
    await _look_for_cooldowns(world)


async def _look_for_learnt(world: World) -> None:
    """Ask which limits providers say themselves; one that says something new is due."""
    learning = [
        identity for identity, spec in providers(world) if spec.limits_from == "ResponseHeaders"
    ]
    usages = await world.ledger.usage(PLATFORM_TENANT) if learning else []
    before, found = world.board.learnt, {}
    for identity in learning:
        owner = learnt_owner(identity.name)
        found[identity.key] = tuple(usage for usage in usages if usage.owner == owner)
    world.board.learnt = found
    for key in before.keys() | found.keys():
        if found.get(key, ()) != before.get(key, ()):
            world.queue.add(key)


async def _look_for_cooldowns(world: World) -> None:
    """Ask which providers nobody may call; one for which that is news is due."""
    offered = list(providers(world))
    found = _cooling(await world.ledger.cooldowns()) if offered else {}
    before, world.board.cooldowns = world.board.cooldowns, found
    for identity, _ in offered:
        if found.get(identity.name) != before.get(identity.name):
            world.queue.add(identity.key)


def _cooling(cooldowns: Iterable[Cooldown]) -> dict[str, Cooldown]:
    """Take one of each provider: of all its models if there is one, else what lasts longest."""
    ordered = sorted(cooldowns, key=lambda one: (not one.model, one.until))
    return {one.provider: one for one in ordered}


def _declared(world: World) -> Iterator[tuple[Key, LimitsPlan]]:
    everything = [
        *((one.identity, tenant_limits(one.identity, one.spec)) for one in tenants(world)),
        *((identity, provider_limits(identity, spec)) for identity, spec in providers(world)),
    ]
    for identity, plan in everything:
        if plan.limits and identity.deleted_at is None:
            yield identity.key, plan


def _note(key: Key, plan: LimitsPlan, usages: tuple[Usage, ...], world: World) -> None:
    missing = digest_of(usages) != plan.digest
    if missing:
        world.ledger.forget(plan.uid)  # somebody else wrote there: write it all again
    if missing or usages != world.board.usages.get(key):
        world.board.usages[key] = usages
        world.queue.add(key)


def _of(plan: LimitsPlan, usages: Iterable[Usage]) -> tuple[Usage, ...]:
    return tuple(usage for usage in usages if usage.owner == plan.owner)
