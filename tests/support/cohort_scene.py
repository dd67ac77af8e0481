"""Tenants of a cohort, and a clock that a test turns."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import ledger_rows as make
from headrace_ledger.declared import LimitRow
from headrace_ledger.reservations import Draw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from headrace_ledger.reservations import Reserve, ReserveOutcome
    from headrace_ledger.usages import Usage

WINDOW = 61
"""Slots after which nothing of a sliding window counts."""


class Member:
    """A tenant in a cohort with one limit, and the shortest way to calls and steps of it."""

    def __init__(self, house: Any, row: LimitRow) -> None:
        self.house, self.row, self.id = house, row, 0

    async def join(self) -> None:
        self.id = (await self.house.declare(self.row))[self.row.name]

    def wish(self, amount: int) -> Reserve:
        draw = Draw(self.house.tenant, self.id, self.row.resource, amount)
        return make.reserve(self.house.tenant, draw)

    async def calls(self, amount: int) -> ReserveOutcome:
        return (await self.house.gateway.reserve(self.wish(amount))).outcome

    async def usage(self) -> Usage:
        [one] = await self.house.gateway.usage(self.house.tenant)
        return one

    async def changes(self, **changes: Any) -> None:
        self.row = dataclasses.replace(self.row, **changes)
        await self.join()

    async def waits_with(self, tasks: int, amount: int) -> None:
        """Let steps run into the limit, each for so much of it."""
        row = await self.house.pipeline()
        for _ in range(tasks):
            await self.house.submit(row)
        for lease in await self.house.claim(row, tasks):
            mark = make.mark(lease, 600, limit_id=self.id, amount=amount)
            await self.house.gateway.park(mark)
            await self.house.gateway.fail([make.failure(lease)])


def joining(house: Any) -> Callable[..., Awaitable[Member]]:
    """Let tenants join a cohort of their own; each with a limit of 100 tokens an hour."""
    word = make.fresh("cohort")

    async def join(**changes: Any) -> Member:
        name = make.fresh("tenant")
        await house.operator.put_tenant(make.tenant(name))
        row = LimitRow("tph", "tokens", "1h", 100, cohort=word)
        own = dataclasses.replace(house, tenant=name)
        member = Member(own, dataclasses.replace(row, **changes))
        await member.join()
        return member

    return join


async def pass_slots(admin: asyncpg.Connection, slots: int, *members: Member) -> None:
    """Let time pass for what is counted: a slot is a sixtieth of the window."""
    await admin.execute(
        "UPDATE headrace.buckets SET at = at - $1 WHERE limit_id = ANY ($2)",
        slots,
        [one.id for one in members],
    )
