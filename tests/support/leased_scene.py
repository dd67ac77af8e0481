"""Gateways that lease units of one limit, and whoever takes as much of it as the bound allows."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import ledger_rows as make
from headrace_gateway.clock import Clock
from headrace_gateway.models.leased import BLOCK_SECONDS, Leased
from headrace_ledger.client import Ledger
from headrace_ledger.declared import LimitRow
from headrace_ledger.errors import LedgerUnavailableError

CLOCK = Clock(now=lambda: datetime.now(UTC))  # noqa: TID251 -- composed as `__main__` does
LEASED = '{"accuracy": "Leased"}'


class Asked:
    """A gateway's ledger that counts who asks, and that may be away."""

    def __init__(self, ledger, gateways):
        self._ledger = ledger
        self._gateways = gateways
        self.reserves = 0
        self.away = False

    async def gateways(self):
        return self._gateways

    async def reserve(self, wish):
        if self.away:
            raise LedgerUnavailableError
        self.reserves += 1
        return await self._ledger.reserve(wish)

    async def settle(self, settlement):
        if self.away:
            raise LedgerUnavailableError
        await self._ledger.settle(settlement)


class House:
    """A tenant with one limit, and gateways that lease of it."""

    def __init__(self, ledgers, limit, gateways):
        self.ledger = ledgers[0]
        self.limit = limit
        self.asked = [Asked(ledger, gateways) for ledger in ledgers]
        self.gateways = [Leased(one, CLOCK, os.urandom) for one in self.asked]

    async def rests(self):
        return await rests(self.ledger, self.limit.tenant)


async def rests(ledger, tenant):
    """Wait until every block has been given back; return what is used of the only limit."""
    async with asyncio.timeout(20):
        while True:
            [found] = await ledger.usage(tenant)
            if not found.reserved:
                return found.used
            await asyncio.sleep(0.01)


@asynccontextmanager
async def leasing(server, *, gateways=1, window="1h", capacity=1000):
    operator = await Ledger.connect(server.operator_url, role="operator", max_size=2)
    ledgers = [await Ledger.connect(server.gateway_url, role="gateway") for _ in range(gateways)]
    try:
        tenant = make.fresh("leased")
        await operator.put_tenant(make.tenant(tenant))
        row = LimitRow("rps", "requests", window, capacity, spec=LEASED)
        await operator.put_limits(make.limits(tenant, row))
        limit = next(one for one in await ledgers[0].limits_of(tenant) if one.tenant == tenant)
        yield House(ledgers, limit, gateways)
    finally:
        for ledger in (operator, *ledgers):
            await ledger.close()


async def most_in_a_second(house):
    """Draw units first and use them late, and all again as soon as they are free to others.

    Return the most that was taken in any second, wherever it begins, and how much was in all.
    """
    taken = []

    async def burst(mine):
        while await mine.take(house.limit) is None:
            taken.append(time.monotonic())

    async def late_then_early(mine):
        drawn = time.monotonic()
        if await mine.take(house.limit) is None:
            taken.append(time.monotonic())
        await asyncio.sleep(0.8 * BLOCK_SECONDS)
        while time.monotonic() < drawn + 1.2:
            await burst(mine)
            await asyncio.sleep(0.002)

    await asyncio.gather(*(late_then_early(mine) for mine in house.gateways))
    first, most = 0, 0
    for n, at in enumerate(taken):
        while taken[first] <= at - 1:
            first += 1
        most = max(most, n - first + 1)
    return most, len(taken)
