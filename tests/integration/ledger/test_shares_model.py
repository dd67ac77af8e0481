"""However a limit is contended for, the ledger's shares are those of a plain reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ledger_rows as make
from headrace_ledger.declared import LimitRow, TenantRow

pytestmark = pytest.mark.postgres

AGES = {"now": 0, "of the time before": 90, "long ago": 150}
"""Seconds since its needs were counted; for calls at once they are kept for a minute."""


@dataclass(frozen=True)
class Contender:
    """A tenant at the limit; without `age` it was never seen there."""

    weight: int
    used: int
    wants_all: bool
    needs: int
    before: int
    age: str | None

    @property
    def demand(self) -> float:
        if self.age is None:
            return 1.1 * self.used
        if self.wants_all:
            return math.inf
        needs = self.needs if self.age != "long ago" else 0
        return 1.1 * max(self.used, needs, self.before if self.age == "now" else 0)


def share(capacity: int, total: int, each: list[Contender]) -> int:
    """Fill from the least wish per weight on, and divide what is left; the first one wants all."""
    rest: float = capacity - max(total - sum(one.used for one in each), 0)
    wishes = {n: one.demand if n else math.inf for n, one in enumerate(each)}
    while True:
        level = rest / sum(each[n].weight for n in wishes)
        content = [n for n, wish in wishes.items() if wish <= each[n].weight * level]
        if not content:
            return max(1, math.ceil(each[0].weight * level - 1e-6))
        for n in content:
            rest -= wishes.pop(n)


SOME = st.integers(0, 60)
CONTENDERS = st.builds(
    Contender, st.integers(1, 9), SOME, st.booleans(), SOME, SOME, st.sampled_from([None, *AGES])
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    capacity=st.integers(1, 200),
    uncounted=SOME,
    each=st.lists(CONTENDERS, min_size=1, max_size=5),
)
async def test_shares_are_those_of_a_plain_reference(house, admin, capacity, uncounted, each):
    # The first one asks; of the others those count that were seen.
    each = [one for n, one in enumerate(each) if n == 0 or one.age is not None]
    names = [make.fresh("tenant") for _ in each]
    owner = f"provider/{make.fresh('provider')}"
    row = LimitRow("once", "llmCalls", "None", capacity)
    await house.operator.put_limits(make.limits("_platform", row, owner=owner))
    [limit] = [o.id for o in await house.gateway.limits_of(names[0]) if o.owner == owner]
    total = sum(one.used for one in each) + uncounted
    bucket = "INSERT INTO headrace.buckets (tenant, subject, limit_id, used) VALUES ('_platform', "
    await admin.execute(f"{bucket} '{'0' * 32}', $1, $2)", limit, total)
    for name, one in zip(names, each, strict=True):
        await house.operator.put_tenant(TenantRow(name, f"uid-{name}", (name,), weight=one.weight))
        await admin.execute(f"{bucket} headrace.share_subject($1), $2, $3)", name, limit, one.used)
        if one.age is not None:
            await admin.execute(
                """INSERT INTO headrace.contenders VALUES ('_platform', $1, $2, $3::timestamptz,
                   $4, $5, now() - make_interval(secs => $6))""",
                limit,
                name,
                await admin.fetchval("SELECT now() + $1 * interval '30 s'", one.wants_all - 0.5),
                one.needs,
                one.before,
                AGES[one.age],
            )
    rows = await admin.fetch("SELECT * FROM headrace.shares($1, $2)", [limit], names[:1])
    want = share(capacity, total, each)
    assert [(r["tenant"], r["used"], r["share"]) for r in rows] == [(names[0], each[0].used, want)]
    await house.operator.put_limits(make.limits("_platform", owner=owner))
    await admin.execute("DELETE FROM headrace.contenders WHERE limit_id = $1", limit)
    for name in names:
        await house.operator.delete_tenant(name, f"uid-{name}")
