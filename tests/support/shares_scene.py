"""A limit of all tenants, tenants that contend for it, and a clock that a test turns."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ledger_rows as make
from headrace_ledger.declared import LimitRow
from headrace_ledger.reservations import Draw

if TYPE_CHECKING:
    import asyncpg

    from headrace_ledger.client import Ledger
    from headrace_ledger.declared import PipelineRow
    from headrace_ledger.records import LeaseRecord

WEIGHTS = (1, 2, 5)
CAPACITY = 80
MINUTE = 61
"""Seconds after which nothing counts any more that was used before."""


@dataclass
class Contender:
    """A tenant that calls by itself, and counts how it fares."""

    house: Any
    limit: int
    resource: str
    weight: int
    amount: int = 1
    won: int = 0
    refused: int = 0
    row: PipelineRow | None = None

    def wish(self) -> Any:
        draw = Draw("_platform", self.limit, self.resource, self.amount)
        return make.reserve(self.house.tenant, draw)

    async def begins(self) -> Any:
        """Make a call; return what it has reserved, or None if it was refused."""
        wish = self.wish()
        said = await self.house.gateway.reserve(wish)
        if said.outcome == "Reserved":
            self.won += 1
            return wish
        assert (said.outcome, said.limit_id) == ("Blocked", self.limit)
        self.refused += 1
        return None

    async def ends(self, wish: Any) -> None:
        """End a call that used all that it reserved."""
        await self.house.gateway.settle(make.settlement(wish, calls=self.amount))

    async def calls(self) -> bool:
        """Make one call and end it; say whether it was admitted."""
        wish = await self.begins()
        if wish is not None:
            await self.ends(wish)
        return wish is not None

    async def waits_with(self, tasks: int) -> None:
        """Park so many steps for the limit."""
        self.row = await self.house.pipeline()
        for _ in range(tasks):
            await self.house.submit(self.row)
        for lease in await self.house.claim(self.row, tasks):
            await self.park(lease)

    async def park(self, lease: LeaseRecord) -> None:
        mark = make.mark(lease, 600, limit_id=self.limit, amount=self.amount)
        await self.house.gateway.park(mark)
        await self.house.gateway.fail([make.failure(lease)])

    async def works(self) -> None:
        """Claim what was let go, and let each step make its call."""
        assert self.row is not None
        for lease in await self.house.claim(self.row, 80):
            if not await self.calls():
                await self.park(lease)


@dataclass
class Scene:
    """One limit of `capacity`, and how time passes for it."""

    house: Any
    admin: asyncpg.Connection
    operator: Ledger
    row: LimitRow
    limit: int
    owner: str
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    @classmethod
    async def of(cls, house: Any, admin: Any, row: LimitRow) -> Scene:
        owner = f"provider/{make.fresh('provider')}"
        await house.operator.put_limits(make.limits("_platform", row, owner=owner))
        known = await house.gateway.limits_of(house.tenant)
        [limit] = [one.id for one in known if one.owner == owner]
        return cls(house, admin, house.operator, row, limit, owner)

    async def tenant(self, weight: int = 1, amount: int = 1) -> Contender:
        name = make.fresh("tenant")
        row = dataclasses.replace(make.tenant(name), weight=weight)
        await self.operator.put_tenant(row)
        house = dataclasses.replace(self.house, tenant=name)
        return Contender(house, self.limit, self.row.resource, weight, amount)

    async def close(self) -> None:
        await self.operator.put_limits(make.limits("_platform", owner=self.owner))

    async def second(self) -> None:
        """Let a second pass: what was counted was that much earlier, and who was refused too."""
        await self.admin.execute(
            "UPDATE headrace.buckets SET at = at - 1 WHERE limit_id = $1", self.limit
        )
        await self.admin.execute(
            """UPDATE headrace.contenders
               SET until = until - interval '1 s', since = since - interval '1 s'
               WHERE limit_id = $1""",
            self.limit,
        )

    def shuffled(self, *each: Contender) -> list[Contender]:
        return self.chance.sample(each, len(each))

    async def saturated_by(self, *each: Contender) -> None:
        """Let them call in any order until each is refused."""
        left = [*each]
        while left:
            one = self.chance.choice(left)
            if not await one.calls():
                left.remove(one)

    async def used(self) -> int:
        [one] = [
            one for one in await self.house.gateway.usage("_platform") if one.owner == self.owner
        ]
        return one.used + one.reserved


def begin(*each: Contender) -> None:
    """Count anew."""
    for one in each:
        one.won = one.refused = 0


def shares(*each: Contender) -> dict[int, float]:
    """Say which part each has won of all that was won, by weight."""
    won = sum(one.won for one in each)
    return {one.weight: one.won / won for one in each}
