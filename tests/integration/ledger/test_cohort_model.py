"""Whatever the members of a cohort do, the ledger lends what a plain reference lends."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger_rows as make
from headrace_ledger.declared import LimitRow
from headrace_ledger.reservations import Draw, Reserve

pytestmark = pytest.mark.postgres

NOON = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"  # no example is near the end of a day
WINDOWS = {"1h": "UTC", "CalendarDay": NOON, "None": "UTC"}
PASSES = {
    "1h": "UPDATE headrace.buckets SET at = at - 61 WHERE limit_id = ANY ($1)",
    "CalendarDay": "UPDATE headrace.buckets SET at = 1 WHERE limit_id = ANY ($1) AND at > 0",
}
ENDED = {  # what an ended call used, of what it had reserved
    "none": lambda _: 0,
    "less": lambda reserved: reserved // 3,
    "equal": lambda reserved: reserved,
    "more": lambda reserved: 2 * reserved + 1,
}


@dataclass(frozen=True)
class Held:
    who: int
    amount: int
    window: int


@dataclass
class Member:
    """A limit, and what is used of it."""

    capacity: int
    borrowing: int | None
    lending: int | None
    used: int = 0

    @property
    def lends_at_most(self) -> int:
        return self.capacity if self.lending is None else min(self.lending, self.capacity)

    @property
    def spare(self) -> int:
        """What it lends; what it has borrowed is less than nothing."""
        return min(self.lends_at_most, self.capacity - self.used)


@dataclass
class Cohort:
    """The reference: numbers, and nothing about time but which window it is."""

    kind: str
    members: list[Member]
    window: int = 0
    open: dict[UUID, Held] = field(default_factory=dict)

    def room(self, who: int) -> tuple[int, int]:
        """Return what one may borrow now, and if nobody else used anything."""
        others = [one for n, one in enumerate(self.members) if n != who]
        bound = self.members[who].borrowing
        both = sum(one.spare for one in others), sum(one.lends_at_most for one in others)
        now, most = both if bound is None else (min(each, bound) for each in both)
        return max(now, 0), most

    def lent(self, who: int) -> int:
        spare = max(self.members[who].spare, 0)
        given = sum(max(one.spare, 0) for one in self.members)
        taken = sum(max(one.used - one.capacity, 0) for one in self.members)
        return min(spare, taken * spare // given) if spare else 0

    def outcome(self, who: int, amount: int) -> str:
        one, (now, most) = self.members[who], self.room(who)
        if one.used + amount <= one.capacity + (now if one.used + amount > one.capacity else 0):
            return "Reserved"
        return "TooLarge" if amount > one.capacity + most else "Blocked"

    def reserve(self, call: UUID, who: int, amount: int) -> None:
        self.members[who].used += amount
        self.open[call] = Held(who, amount, self.window)

    def settle(self, call: UUID, used: int) -> None:
        held = self.open.pop(call)
        more = used - held.amount
        if self.kind == "None":
            self.members[held.who].used -= held.amount
        elif held.window == self.window or (self.kind == "1h" and more > 0):
            self.members[held.who].used += more

    def pass_window(self) -> None:
        self.window += 1
        for one in self.members:
            one.used = 0


BOUNDS = st.one_of(st.none(), st.integers(0, 60))
MEMBERS = st.lists(st.builds(Member, st.integers(1, 60), BOUNDS, BOUNDS), min_size=3, max_size=3)
CALLS = st.tuples(st.integers(0, 2), st.integers(1, 90))
OPS = st.one_of(
    st.tuples(st.just("reserve"), st.lists(CALLS, min_size=1, max_size=4)),
    st.tuples(st.just("settle"), st.tuples(st.integers(0, 9), st.sampled_from([*ENDED]))),
    st.tuples(st.just("pass_window"), st.none()),
)


@dataclass
class Example:
    """The ledger and its reference, side by side."""

    house: Any
    admin: asyncpg.Connection
    model: Cohort
    tenants: list[str]
    ids: list[int]

    @property
    def resource(self) -> str:
        return "llmCalls" if self.model.kind == "None" else "tokens"

    def wish(self, who: int, amount: int) -> Reserve:
        tenant = self.tenants[who]
        draw = Draw(tenant, self.ids[who], self.resource, amount)
        return make.reserve(tenant, draw, life_seconds=3600)

    async def reserve(self, calls: list[tuple[int, int]]) -> None:
        wishes = [self.wish(*call) for call in calls]
        said = await self.house.gateway.reserve_many(wishes)
        for call, wish, told in zip(calls, wishes, said, strict=True):
            assert told.outcome == self.model.outcome(*call), (call, self.model)
            if told.outcome == "Reserved":
                self.model.reserve(wish.id, *call)

    async def settle(self, asked: tuple[int, str]) -> None:
        number, how = asked
        if not self.model.open:
            return
        call = [*self.model.open][number % len(self.model.open)]
        held = self.model.open[call]
        used = ENDED[how](held.amount)
        done = make.settlement(make.reserve(self.tenants[held.who], id=call), used)
        await self.house.gateway.settle(done)
        self.model.settle(call, used)

    async def pass_window(self, _: None) -> None:
        if self.model.kind in PASSES:
            await self.admin.execute(PASSES[self.model.kind], self.ids)
            await self.admin.execute(
                "UPDATE headrace.reservations SET at = at - interval '32 d'"
                " WHERE tenant = ANY ($1)",
                self.tenants,
            )
            self.model.pass_window()

    async def check(self) -> None:
        for n, tenant in enumerate(self.tenants):
            [told] = await self.house.gateway.usage(tenant)
            one = self.model.members[n]
            assert told.used + told.reserved == max(one.used, 0)
            assert (told.borrowable, told.most_borrowable) == self.model.room(n)
            assert told.lent == self.model.lent(n)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    kind=st.sampled_from([*WINDOWS]), members=MEMBERS, ops=st.lists(OPS, min_size=5, max_size=20)
)
async def test_the_ledger_lends_what_a_plain_reference_lends(house, admin, kind, members, ops):
    word, tenants, ids = make.fresh("cohort"), [make.fresh("tenant") for _ in members], []
    resource = "llmCalls" if kind == "None" else "tokens"
    for tenant, one in zip(tenants, members, strict=True):
        row = LimitRow(
            "shared",
            resource,
            kind,
            one.capacity,
            zone=WINDOWS[kind],
            cohort=word,
            borrowing=one.borrowing,
            lending=one.lending,
        )
        await house.operator.put_tenant(make.tenant(tenant))
        await house.operator.put_limits(make.limits(tenant, row))
        [limit] = [o.id for o in await house.gateway.limits_of(tenant) if o.tenant == tenant]
        ids.append(limit)
    sides = Example(house, admin, Cohort(kind, members), tenants, ids)
    try:
        for name, value in ops:
            await getattr(sides, name)(value)
            await sides.check()
    finally:
        for tenant in tenants:
            await admin.execute("DELETE FROM headrace.reservations WHERE tenant = $1", tenant)
            await house.operator.delete_tenant(tenant, f"uid-of-{tenant}")
