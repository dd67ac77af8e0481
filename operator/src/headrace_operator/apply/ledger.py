"""The ledger as the operator needs it: plans and specs in, our errors out."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from headrace_contract.names import PLATFORM_TENANT
from headrace_contract.reasons import Reason
from headrace_contract.resources.agent_pipeline import Backlog
from headrace_ledger.costs import WorkersRow
from headrace_ledger.declared import ProviderRow, TenantRow
from headrace_operator.apply.errors import ledger_errors
from headrace_operator.apply.rows import limit_set, pipeline_row
from headrace_operator.model.counted import Cap, Counted
from headrace_operator.model.usage import Cooldown, Usage
from headrace_operator.plan.stamp import digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
    from datetime import date
    from decimal import Decimal

    from headrace_contract.priced import PricedProvider
    from headrace_ledger.client import Ledger
    from headrace_ledger.declared import PoolCounts
    from headrace_operator.model.identity import Identity
    from headrace_operator.model.ready_workers import ReadyWorkers
    from headrace_operator.model.tenancy import Tenant
    from headrace_operator.plan.build import LedgerPlan
    from headrace_operator.plan.limits import LimitsPlan

DEADLINE_SECONDS: Final = 10.0


class LedgerRows:
    """Connects when first used, and again after it could not; remembers what it wrote."""

    def __init__(self, connect: Callable[[], Coroutine[None, None, Ledger]]) -> None:
        self._connect = connect
        self._ledger: Ledger | None = None
        self._connecting = asyncio.Lock()
        self._written: dict[str, str] = {}
        self._limited: dict[str, str] = {}

    async def close(self) -> None:
        if self._ledger is not None:
            await self._ledger.close()

    async def check(self) -> None:
        """Raise unless the ledger is there and its schema is new enough."""
        async with self._door() as ledger:
            await ledger.check()

    async def put_pipeline(self, plan: LedgerPlan) -> None:
        """Write the row of a version, unless this very row was the last that we wrote."""
        row = pipeline_row(plan)
        if self._written.get(row.uid) == (mark := digest(repr(row))):
            return
        async with self._door() as ledger:
            await ledger.put_pipeline(row)
        self._written[row.uid] = mark

    async def put_tenant(self, tenant: Tenant, held: Sequence[str]) -> None:
        uid = tenant.identity.uid
        spec = tenant.spec
        row = TenantRow(
            tenant.name,
            uid,
            tuple(held),
            stop_policy=spec.stop_policy,
            weight=spec.weight,
        )
        if self._written.get(uid) == (mark := digest(repr(row))):
            return
        async with self._door() as ledger:
            await ledger.put_tenant(row)
        self._written[uid] = mark

    async def put_provider(self, identity: Identity, offer: PricedProvider) -> None:
        text = offer.row()
        row = ProviderRow(identity.name, identity.uid, text, digest(text))
        if self._written.get(identity.uid) == (mark := digest(repr(row))):
            return
        async with self._door() as ledger:
            await ledger.put_provider(row)
        self._written[identity.uid] = mark

    async def put_limits(self, plan: LimitsPlan) -> None:
        """Write all limits of an owner, unless these very limits were the last that we wrote."""
        rows = limit_set(plan)
        if self._limited.get(plan.uid) == (mark := digest(repr(rows))):
            return
        async with self._door() as ledger:
            await ledger.put_limits(rows)
        self._limited[plan.uid] = mark

    async def usage(self, tenant: str) -> list[Usage]:
        """Say how a tenant's limits stand, or those of all providers (`_platform`)."""
        async with self._door() as ledger:
            rows = await ledger.usage(tenant)
        return [
            Usage(
                owner=row.owner,
                name=row.name,
                resource=row.resource,
                window=row.window,
                capacity=row.capacity,
                used=row.used,
                reserved=row.reserved,
                shadowed=row.shadowed,
                waiting=row.waiting,
                resets_at=row.resets_at,
                digest=row.digest,
                borrowable=row.borrowable,
                lent=row.lent,
            )
            for row in rows
        ]

    async def cooldowns(self) -> list[Cooldown]:
        """List the providers that nobody may call at this moment."""
        async with self._door() as ledger:
            rows = await ledger.cooldowns()
        return [Cooldown(row.provider, row.until, row.reason) for row in rows]

    async def month_costs(self, tenant: str, day: date) -> dict[str, Decimal]:
        """Sum what calls cost in the UTC month of a day until its end, by currency."""
        async with self._door() as ledger:
            return await ledger.month_costs(tenant, day)

    async def count_workers(
        self, tenant: str, workers: Sequence[ReadyWorkers], currency: str
    ) -> None:
        """Tell how many workers of some pools are ready, and what one costs an hour."""
        rows = [WorkersRow(one.pipeline, one.pool, one.ready, one.hourly) for one in workers]
        async with self._door() as ledger:
            await ledger.count_workers(tenant, rows, currency)

    async def drain_pipeline(self, uid: str, tenant: str) -> tuple[int, int]:
        """Hold a pipeline for good; say how many steps run and how many runs are unfinished."""
        self.forget(uid)
        async with self._door() as ledger:
            remaining = await ledger.drain_pipeline(uid, tenant)
        return remaining.running, remaining.unfinished

    async def delete_pipeline(self, uid: str, tenant: str) -> None:
        self.forget(uid)
        async with self._door() as ledger:
            await ledger.delete_pipeline(uid, tenant)

    async def delete_tenant(self, name: str, uid: str) -> None:
        self.forget(uid)
        async with self._door() as ledger:
            await ledger.delete_tenant(name, uid)

    async def delete_provider(self, name: str, uid: str) -> None:
        self.forget(uid)
        async with self._door() as ledger:
            await ledger.delete_provider(name, uid)

    async def pipelines(self) -> set[tuple[str, str]]:
        """List (tenant, UID) of every pipeline that has rows."""
        async with self._door() as ledger:
            return set(await ledger.pipeline_uids())

    async def tenants(self) -> set[tuple[str, str]]:
        """List (name, UID) of every tenant that has a row."""
        async with self._door() as ledger:
            rows = await ledger.tenants()
        return {(one.tenant, one.uid) for one in rows if one.tenant != PLATFORM_TENANT}

    async def providers(self) -> set[tuple[str, str]]:
        """List (name, UID) of every provider that has a row."""
        async with self._door() as ledger:
            return {(one.name, one.uid) for one in await ledger.providers()}

    async def counts(self) -> dict[tuple[str, str], Counted]:
        """Count the tasks of every pipeline, by (namespace, name), in one call."""
        async with self._door() as ledger:
            return _summed(await ledger.counts())

    async def draining(self, namespace: str, pipeline: str) -> set[str]:
        """Name the pools that left the spec and still have unfinished tasks."""
        async with self._door() as ledger:
            pools = await ledger.pools()
        return {
            pool.pool
            for pool in pools
            if pool.draining and (pool.namespace, pool.pipeline) == (namespace, pipeline)
        }

    def forget(self, uid: str) -> None:
        """Write the rows of this UID again, whatever was written before."""
        self._written.pop(uid, None)
        self._limited.pop(uid, None)

    @asynccontextmanager
    async def _door(self) -> AsyncIterator[Ledger]:
        """Lend the client for one call that ends in time, connecting it first if need be."""
        with ledger_errors():
            async with asyncio.timeout(DEADLINE_SECONDS):
                async with self._connecting:
                    if self._ledger is None:
                        self._ledger = await self._connect()
                yield self._ledger


def _summed(counts: Iterable[PoolCounts]) -> dict[tuple[str, str], Counted]:
    pools: defaultdict[tuple[str, str], list[PoolCounts]] = defaultdict(list)
    for one in counts:
        pools[one.namespace, one.pipeline].append(one)
    return {key: Counted(_backlog(each), _caps(each)) for key, each in pools.items()}


def _backlog(pools: Sequence[PoolCounts]) -> Backlog:
    return Backlog(
        runnable=sum(max(0, one.runnable) for one in pools),
        running=sum(max(0, one.running) for one in pools),
        parked=sum(max(0, one.parked) for one in pools),
        dead=sum(max(0, one.dead) for one in pools),
    )


def _caps(pools: Sequence[PoolCounts]) -> tuple[Cap, ...]:
    """Find the pools that are held back, but not those that a person stopped."""
    return tuple(cap for one in pools if not one.held and (cap := _cap(one)) is not None)


def _cap(one: PoolCounts) -> Cap | None:
    asked, granted, fed = one.workers_asked, one.workers_granted, one.workers_fed
    if asked is not None and granted is not None and granted < asked:
        by = "the tenant's limit of workers"
        return Cap(one.pool, asked, granted, Reason.WORKERS_CAPPED, by)
    if fed is not None and fed < one.workers_wanted:
        # Nothing is fed at all where every provider is held, and by no limit.
        reason = Reason.CAPPED_BY_TOKEN_RATE if fed else Reason.STOP_POLICY_HOLD
        return Cap(one.pool, one.workers_wanted, fed, reason, one.workers_fed_by or "its limits")
    return None
