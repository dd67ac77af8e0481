"""Whatever calls do and clocks say, the ledger counts what a plain reference counts."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import ledger_rows as make
from headrace_ledger.declared import LimitRow
from headrace_ledger.reservations import NO_SUBJECT, Draw
from limits_model import DAY, Key, Model

pytestmark = pytest.mark.postgres

CAPACITY = 100
RUNS = (make.uuid7(), make.uuid7())
NOON = f"Etc/GMT{time.gmtime().tm_hour - 12:+d}"  # no example is near the end of a day
ROWS = {
    "minute": ("Sliding", LimitRow("minute", "tokens", "1m", CAPACITY)),
    "at-once": ("Concurrency", LimitRow("at-once", "llmCalls", "None", 3)),
    "of-run": ("Total", LimitRow("of-run", "tokens", "Run", 150)),
    "day": ("Calendar", LimitRow("day", "tokens", "CalendarDay", 200, zone=NOON)),
}
LIMITS = {name: (kind, row.capacity) for name, (kind, row) in ROWS.items()}
NUMBERS = itertools.count()
SLOT = "SELECT floor(extract(epoch FROM clock_timestamp()))"
WAITS = """SELECT EXISTS (SELECT FROM pg_locks
           WHERE relation = 'headrace.reservations'::regclass AND NOT granted)"""
ENDED = {  # what an ended call used, of what it had reserved
    "none": lambda _: 0,  # it never reached its provider
    "less": lambda reserved: reserved // 3,
    "equal": lambda reserved: reserved,
    "more": lambda reserved: 2 * reserved + 1,
}


@dataclass(frozen=True)
class Call:
    limits: tuple[str, ...]
    tokens: int
    run: UUID

    def draws(self) -> list[tuple[Key, int]]:
        return [
            (
                (name, self.run if name == "of-run" else NO_SUBJECT),
                1 if name == "at-once" else self.tokens,
            )
            for name in self.limits
        ]


CALLS = st.builds(
    Call,
    st.lists(st.sampled_from([*ROWS]), min_size=1, max_size=3, unique=True).map(tuple),
    st.one_of(st.integers(1, 60), st.sampled_from([CAPACITY, CAPACITY + 1])),
    st.sampled_from(RUNS),
)
OPS = st.one_of(
    st.tuples(st.just("reserve"), st.lists(CALLS, min_size=1, max_size=3)),
    st.tuples(st.just("reserve"), st.lists(CALLS, min_size=1, max_size=1)),
    st.tuples(st.just("settle"), st.tuples(st.integers(0, 9), st.sampled_from([*ENDED]))),
    st.tuples(st.just("pass_seconds"), st.sampled_from([1, 14, 29, 30, 60, 61])),
    st.tuples(st.just("pass_seconds"), st.sampled_from([-1, -20, -61])),  # the clock was set back
    st.tuples(st.just("pass_day"), st.none()),
    st.tuples(st.just("sweep"), st.booleans()),
)


def of_minute(tokens: int) -> tuple[str, list[Call]]:
    return "reserve", [Call(("minute",), tokens, RUNS[0])]


KEPT_TO_ITS_END = [
    of_minute(90),
    ("pass_seconds", 29),
    of_minute(1),
    ("pass_seconds", 30),
    of_minute(1),
    of_minute(9),
]
SETTLED_BY_A_CLOCK_SET_BACK = [
    of_minute(90),
    ("pass_seconds", 29),
    of_minute(1),
    ("pass_seconds", -20),
    ("settle", (0, "less")),
    ("pass_seconds", 60),
    of_minute(1),
]


class Example:
    """The ledger and its reference, side by side."""

    def __init__(self, house: Any, admin: asyncpg.Connection, ids: dict[str, int]) -> None:
        self.house, self.admin, self.ids = house, admin, ids
        self.model = Model(LIMITS)
        self.tokens: dict[UUID, int] = {}

    async def reserve(self, calls: list[Call]) -> None:
        wishes = [
            make.reserve(
                self.house.tenant,
                *(
                    Draw(self.house.tenant, self.ids[key[0]], ROWS[key[0]][1].resource, n, key[1])
                    for key, n in call.draws()
                ),
                run=call.run,
                input_tokens=0,
                output_tokens=call.tokens,
                life_seconds=3600,
            )
            for call in calls
        ]
        rows, before = await self.rows(), time.time()
        said = await self.house.gateway.reserve_many(wishes)
        now = self.model.span(before, time.time())
        for call, wish, told in zip(calls, wishes, said, strict=True):
            right = self.model.outcomes(call.draws(), now)
            assert told.outcome in right, (call, told, right)
            if told.outcome == "Reserved":
                self.model.reserve(wish.id, call.draws(), now)
                self.tokens[wish.id] = call.tokens
        if not {wish.id for wish in wishes} & {*self.model.open}:  # refused: nothing has changed
            assert {key: row for key, row in (await self.rows()).items() if row != (0, 0)} == {
                key: row for key, row in rows.items() if row != (0, 0)
            }

    async def settle(self, asked: tuple[int, str]) -> None:
        number, how = asked
        if self.model.open:
            call = [*self.model.open][number % len(self.model.open)]
            await self.end(call, ENDED[how](self.tokens[call]), calls=int(how != "none"))

    async def end(self, call: UUID, tokens: int, calls: int = 1) -> None:
        made = make.reserve(self.house.tenant, id=call)
        settlement = make.settlement(made, tokens, calls=calls)
        before = time.time()
        await self.house.gateway.settle(settlement)
        self.model.settle(call, tokens, self.model.span(before, time.time()))

    async def pass_seconds(self, seconds: int) -> None:
        """The other way round: what is counted was that much earlier."""
        await self.admin.execute(
            "UPDATE headrace.buckets SET at = at - $1 WHERE limit_id = $2",
            seconds,
            self.ids["minute"],
        )
        await self.admin.execute(
            "UPDATE headrace.reservations SET at = at - $1 * interval '1 s' WHERE tenant = $2",
            float(seconds),
            self.house.tenant,
        )
        self.model.added += seconds

    async def pass_day(self, _: None) -> None:
        await self.pass_seconds(DAY)
        await self.admin.execute(
            "UPDATE headrace.buckets SET at = at - $1 WHERE limit_id = $2",
            DAY * 1_000_000,
            self.ids["day"],
        )
        self.model.day += 1

    async def sweep(self, alive: bool) -> None:  # noqa: FBT001 -- drawn by hypothesis
        """What a dead gateway has held for 30 s is settled as it stands."""
        await self.house.gateway.beat_gateway()
        if not alive:
            await self.admin.execute(
                "UPDATE headrace.gateways SET alive_until = now() - interval '1 s'"
            )
        before = time.time()
        await self.house.gateway.sweep()
        now = self.model.span(before, time.time())
        rows = await self.admin.fetch(
            "SELECT id FROM headrace.reservations WHERE tenant = $1", self.house.tenant
        )
        left = {row["id"] for row in rows}
        for call, held in [*self.model.open.items()]:
            at = held[0].at
            if call in left:
                assert alive or now.low - at.high <= 30
            else:
                assert not alive
                assert now.high - at.low > 30
                self.model.settle(call, self.tokens[call], now)

    async def rows(self) -> dict[Key, tuple[int, int]]:
        """Return used and reserved of each bucket, as they are kept."""
        names = {limit: name for name, limit in self.ids.items()}
        rows = await self.admin.fetch(
            "SELECT limit_id, subject, used, reserved FROM headrace.buckets"
            " WHERE limit_id = ANY ($1)",
            [*names],
        )
        return {
            (names[row["limit_id"]], UUID(bytes=row["subject"].bytes)): (
                row["used"],
                row["reserved"],
            )
            for row in rows
        }

    async def check(self) -> None:
        rows = await self.rows()
        for key, bucket in self.model.buckets.items():
            used, reserved = rows.get(key, (0, 0))
            assert reserved == self.model.held(bucket), key
            assert bucket.is_overdrawn or 0 <= used <= bucket.capacity, (key, used)
            if bucket.kind == "Sliding":
                low, high = bucket.sums(bucket.water)
                assert low <= used <= high, (low, used, high)
            else:
                assert used == bucket.used, key


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(ops=KEPT_TO_ITS_END)
@example(ops=SETTLED_BY_A_CLOCK_SET_BACK)
@given(ops=st.lists(OPS, min_size=10, max_size=30))
async def test_the_ledger_counts_what_a_plain_reference_counts(house, admin, ops):
    owner = f"pipeline/{next(NUMBERS)}"
    rows = [row for _, row in ROWS.values()]
    await house.operator.put_limits(make.limits(house.tenant, *rows, owner=owner))
    try:
        known = await house.gateway.limits_of(house.tenant)
        sides = Example(house, admin, {one.name: one.id for one in known if one.owner == owner})
        for name, value in ops:
            await getattr(sides, name)(value)
            await sides.check()
        for call in [*sides.model.open]:
            await sides.end(call, sides.tokens[call])
        await sides.check()
        for (name, _), (used, reserved) in (await sides.rows()).items():
            assert reserved == 0
            assert used == 0 or name != "at-once"
    finally:
        await admin.execute("DELETE FROM headrace.reservations WHERE tenant = $1", house.tenant)
        await house.operator.put_limits(make.limits(house.tenant, owner=owner))


async def test_what_was_reserved_leaves_its_window_no_sooner_than_what_it_did_not_use(house, admin):
    await house.operator.put_limits(make.limits(house.tenant, ROWS["minute"][1]))
    [limit] = await house.gateway.limits_of(house.tenant)
    wish = make.reserve(house.tenant, Draw(house.tenant, limit.id, "tokens", 90))
    async with admin.transaction():  # the call waits between being counted and being written
        await admin.execute("LOCK TABLE headrace.reservations IN SHARE MODE")
        asked = asyncio.create_task(house.gateway.reserve(wish))
        while not await admin.fetchval(WAITS):
            pass
        slot = await admin.fetchval(SLOT)
        while await admin.fetchval(SLOT) <= slot:
            pass
    assert (await asked).outcome == "Reserved"
    await house.gateway.settle(make.settlement(wish, 0))
    kept = await admin.fetchval("SELECT slots FROM headrace.buckets WHERE limit_id = $1", limit.id)
    assert min(itertools.accumulate(reversed(kept))) >= 0, kept  # the latest leave last
