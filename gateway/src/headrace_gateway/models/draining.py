"""Which calls under way are ended: their provider is drained, or a budget of theirs overdrawn."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from headrace_contract.names import PLATFORM_TENANT
from headrace_gateway.models.limited import held_back, overdrawn
from headrace_gateway.models.metering import Rules, amount, concerns
from headrace_gateway.models.targets import read_provider
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace_gateway.clock import Clock
    from headrace_gateway.models.watch import Live
    from headrace_ledger.declared import Limit, ProviderRow
    from headrace_ledger.usages import Usage


class Standing(Protocol):
    """What is read of the ledger here."""

    async def provider(self, name: str) -> ProviderRow | None: ...
    async def limits_of(self, tenant: str) -> list[Limit]: ...
    async def usage(self, tenant: str) -> list[Usage]: ...


class Draining:
    """Looks whether calls may go on; what cannot be read ends none."""

    def __init__(self, ledger: Standing, clock: Clock, park_seconds: float) -> None:
        self._ledger = ledger
        self._clock = clock
        self._park_seconds = park_seconds

    async def look(self, lives: Iterable[Live]) -> None:
        """End those of these calls that must not go on; their steps are parked."""
        by_provider: defaultdict[str, list[Live]] = defaultdict(list)
        by_tenant: defaultdict[str, list[Live]] = defaultdict(list)
        for live in lives:
            if live.wanted is not None and live.lease is not None:
                by_provider[live.wanted.provider].append(live)
                by_tenant[live.lease.tenant].append(live)
        try:
            for name, calls in by_provider.items():
                await self._provider(name, calls)
            for tenant, calls in by_tenant.items():
                await self._budgets(tenant, calls)
        except LedgerError:
            return

    async def _provider(self, name: str, lives: list[Live]) -> None:
        row = await self._ledger.provider(name)
        if row is not None and read_provider(row).stop_policy == "HoldAndDrain":
            for live in lives:
                live.drain(held_back(name, self._park_seconds))

    async def _budgets(self, tenant: str, lives: list[Live]) -> None:
        """End calls that a budget has no room for: more was spent than they had reserved."""
        rules = [Rules.of(limit) for limit in await self._ledger.limits_of(tenant)]
        drains = {
            (rule.limit.owner, rule.limit.name): rule
            for rule in rules
            if rule.drains and rule.limit.enforced and rule.limit.tenant != PLATFORM_TENANT
        }
        if not drains:
            return
        for usage in await self._ledger.usage(tenant):
            rule = drains.get((usage.owner, usage.name))
            if rule is None or usage.used + usage.reserved <= usage.capacity:
                continue
            resets_at = usage.resets_at or self._clock.now()
            seconds = (resets_at - self._clock.now()).total_seconds()
            for live in lives:
                if live.wanted is not None and concerns(rule, live.wanted):
                    taken = amount(rule.limit.resource, live.wanted)
                    live.drain(overdrawn(rule, taken, max(seconds, self._park_seconds)))
