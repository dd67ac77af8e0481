"""The ledger's rows in memory: a fake that ships, for tests of everything that writes them."""

# ruff: noqa: ARG002 -- a fake takes what its port says, and needs less of it
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace_contract.names import PLATFORM_TENANT
from headrace_operator.model.usage import Usage
from headrace_operator.plan.limits import OF_TENANT, pipeline_owner, provider_owner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from headrace_contract.priced import PricedProvider
    from headrace_operator.errors import ReconcileError
    from headrace_operator.model.counted import Counted
    from headrace_operator.model.identity import Identity
    from headrace_operator.model.ready_workers import ReadyWorkers
    from headrace_operator.model.tenancy import Tenant
    from headrace_operator.model.usage import Cooldown
    from headrace_operator.plan.build import LedgerPlan
    from headrace_operator.plan.limits import LimitsPlan


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls have made of a limit."""

    used: int = 0
    reserved: int = 0
    shadowed: int = 0
    waiting: int = 0
    resets_at: datetime | None = None
    borrowable: int | None = None
    lent: int | None = None


class MemoryLedger:
    """The ledger's rows in memory; `away` is raised by every call while it is set."""

    def __init__(self) -> None:
        self.pipeline_rows: dict[str, LedgerPlan] = {}
        self.tenant_rows: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.weights: dict[str, int] = {}
        self.provider_rows: dict[str, str] = {}
        self.limit_sets: dict[tuple[str, str], LimitsPlan] = {}
        """By tenant and owner; a set without limits is not there, as in the ledger."""
        self.spent: dict[tuple[str, str, str], Spent] = {}
        """By tenant, owner and name of the limit."""
        self.costs: dict[str, dict[str, Decimal]] = {}
        """Of the month, by tenant and currency."""
        self.workers: dict[str, tuple[tuple[ReadyWorkers, ...], str]] = {}
        """As they were last told of, and the currency of their price, by tenant."""
        self.learnt: list[Usage] = []
        """How limits of providers stand that gateways have learnt."""
        self.cooling: list[Cooldown] = []
        self.counted: dict[tuple[str, str], Counted] = {}
        self.remaining: dict[str, tuple[int, int]] = {}
        self.draining_pools: dict[tuple[str, str], set[str]] = {}
        self.away: ReconcileError | None = None
        self.calls: list[str] = []

    async def put_pipeline(self, plan: LedgerPlan) -> None:
        self._call("put_pipeline")
        self.pipeline_rows[plan.compiled.uid] = plan

    async def put_tenant(self, tenant: Tenant, held: Sequence[str]) -> None:
        self._call("put_tenant")
        self.tenant_rows[tenant.identity.uid] = (tenant.name, tuple(held))
        self.weights[tenant.name] = tenant.spec.weight

    async def put_provider(self, identity: Identity, offer: PricedProvider) -> None:
        self._call("put_provider")
        self.provider_rows[identity.uid] = identity.name

    async def put_limits(self, plan: LimitsPlan) -> None:
        self._call("put_limits")
        if plan.limits:
            self.limit_sets[plan.tenant, plan.owner] = plan
        else:
            self.limit_sets.pop((plan.tenant, plan.owner), None)

    async def usage(self, tenant: str) -> list[Usage]:
        self._call("usage")
        return [
            usage
            for (whose, _), plan in self.limit_sets.items()
            if whose == tenant
            for usage in self._usages(plan)
        ] + (self.learnt if tenant == PLATFORM_TENANT else [])

    async def cooldowns(self) -> list[Cooldown]:
        self._call("cooldowns")
        return list(self.cooling)

    async def month_costs(self, tenant: str, day: date) -> dict[str, Decimal]:
        self._call(f"month_costs {day:%Y-%m}")
        return dict(self.costs.get(tenant, {}))

    async def count_workers(
        self, tenant: str, workers: Sequence[ReadyWorkers], currency: str
    ) -> None:
        self._call("count_workers")
        self.workers[tenant] = (tuple(workers), currency)

    async def drain_pipeline(self, uid: str, tenant: str) -> tuple[int, int]:
        self._call("drain_pipeline")
        return self.remaining.get(uid, (0, 0))

    async def delete_pipeline(self, uid: str, tenant: str) -> None:
        self._call("delete_pipeline")
        self.pipeline_rows.pop(uid, None)
        self.limit_sets.pop((tenant, pipeline_owner(uid)), None)

    async def delete_tenant(self, name: str, uid: str) -> None:
        self._call("delete_tenant")
        self.tenant_rows.pop(uid, None)
        self.limit_sets.pop((name, OF_TENANT), None)

    async def delete_provider(self, name: str, uid: str) -> None:
        self._call("delete_provider")
        self.provider_rows.pop(uid, None)
        self.limit_sets.pop((PLATFORM_TENANT, provider_owner(name)), None)

    async def pipelines(self) -> set[tuple[str, str]]:
        self._call("pipelines")
        return {(plan.compiled.tenant, uid) for uid, plan in self.pipeline_rows.items()}

    async def tenants(self) -> set[tuple[str, str]]:
        self._call("tenants")
        return {(name, uid) for uid, (name, _) in self.tenant_rows.items()}

    async def providers(self) -> set[tuple[str, str]]:
        self._call("providers")
        return {(name, uid) for uid, name in self.provider_rows.items()}

    async def counts(self) -> dict[tuple[str, str], Counted]:
        self._call("counts")
        return dict(self.counted)

    async def draining(self, namespace: str, pipeline: str) -> set[str]:
        self._call("draining")
        return self.draining_pools.get((namespace, pipeline), set())

    async def check(self) -> None:
        self._call("check")

    def forget(self, uid: str) -> None:
        """Nothing is remembered here: every put is written."""

    def _usages(self, plan: LimitsPlan) -> list[Usage]:
        """Say how limits stand; those of each run are left out, as in the ledger."""
        found: list[Usage] = []
        for limit in plan.limits:
            spent = self.spent.get((plan.tenant, plan.owner, limit.name), Spent())
            if limit.window != "Run":
                found.append(
                    Usage(
                        owner=plan.owner,
                        name=limit.name,
                        resource=limit.resource,
                        window=limit.window,
                        capacity=limit.capacity,
                        used=spent.used,
                        reserved=spent.reserved,
                        shadowed=spent.shadowed,
                        waiting=spent.waiting,
                        resets_at=spent.resets_at,
                        digest=plan.digest,
                        borrowable=spent.borrowable,
                        lent=spent.lent,
                    )
                )
        return found

    def _call(self, name: str) -> None:
        if self.away is not None:
            raise self.away
        self.calls.append(name)
