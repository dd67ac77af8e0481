"""Limits per key: how many open runs of one key there may be, whoever submits and ends them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections import Counter

import pytest

import ledger_rows as make
from headrace_ledger.declared import KeyRow
from headrace_ledger.submits import SubmitOutcome

pytestmark = pytest.mark.postgres

ACCEPTED, FULL = SubmitOutcome.ACCEPTED, SubmitOutcome.KEY_FULL


def per(limit, on_exceed="Queue", name="customer"):
    return KeyRow(name, limit, on_exceed)


def of(row, customer, **changes):
    keys = changes.pop("keys", {"customer": customer})
    return make.submit(row, keys=json.dumps(keys), **changes)


async def keyed(house, *keys, **changes):
    return await house.pipeline(make.edge("only"), keys=keys, **changes)


async def accept(house, *items):
    return [one.outcome for one in await house.gateway.accept(items)]


async def waits(house, *items):
    return [(await house.gateway.run(house.tenant, item.id)).waits for item in items]


async def end(house, row):
    """Claim the first run that may begin, and complete it; return its id."""
    lease = await house.lease(row)
    await house.gateway.complete([make.completion(lease)])
    return lease.run


async def test_over_its_limit_a_run_waits_until_one_of_its_key_ends(house):
    row = await keyed(house, per(1))
    first, second, other = of(row, "a"), of(row, "a"), of(row, "b")
    for item in (first, second, other):
        assert await accept(house, item) == [ACCEPTED]
    assert await waits(house, first, second, other) == [None, "WaitingForKey", None]
    assert await end(house, row) == first.id
    assert await waits(house, second) == [None]
    assert {await end(house, row), await end(house, row)} == {second.id, other.id}


async def test_a_full_key_holds_nobody_else_back(house):
    row = await keyed(house, per(1), max_concurrent_runs=2)
    crowd = [of(row, "a") for _ in range(50)]
    late = of(row, "b")
    await accept(house, *crowd)
    await accept(house, late)
    assert await waits(house, late) == [None]
    assert Counter(await waits(house, *crowd)) == {None: 1, "WaitingForKey": 49}


async def test_what_waits_for_a_key_begins_by_priority_and_age(house):
    row = await keyed(house, per(1))
    items = [of(row, "a"), of(row, "a"), of(row, "a", priority="High"), of(row, "a")]
    for item in items:
        await accept(house, item)
    order = [await end(house, row) for _ in items]
    assert order == [items[n].id for n in (0, 2, 1, 3)]


async def test_with_reject_the_run_over_the_limit_is_refused_and_nothing_is_written(house):
    row = await keyed(house, per(2, "Reject"))
    items = [of(row, "a") for _ in range(3)] + [of(row, "b")]
    said = await house.gateway.accept(items)
    assert [one.outcome for one in said] == [ACCEPTED, ACCEPTED, FULL, ACCEPTED]
    assert (said[2].full, said[2].id) == ("customer", None)
    assert await house.gateway.run(house.tenant, items[2].id) is None
    assert await accept(house, of(row, "a")) == [FULL]
    while await end(house, row) == items[3].id:
        pass
    assert await accept(house, of(row, "a")) == [ACCEPTED]


async def test_a_repeated_submit_finds_its_run_before_it_is_judged(house):
    row = await keyed(house, per(1, "Reject"))
    item = of(row, "a", idempotency_key="k-1")
    assert await accept(house, item) == [ACCEPTED]
    again = dataclasses.replace(item, id=make.uuid7())
    assert await accept(house, item, again) == [SubmitOutcome.REPEATED] * 2
    assert await accept(house, of(row, "a", idempotency_key="k-2")) == [FULL]
    # Two submits of one idempotency key in a group: the second is the first.
    twice = [of(row, "b", idempotency_key="k-3") for _ in range(2)]
    assert await accept(house, *twice) == [ACCEPTED, SubmitOutcome.REPEATED]


async def test_the_oldest_run_of_a_key_makes_place_for_the_newest(house):
    row = await keyed(house, per(1, "CancelOldest"))
    items = [of(row, "a") for _ in range(3)]
    await accept(house, *items)
    other = await house.submit(row, keys='{"customer": "b"}')
    while await house.gateway.displace(house.tenant, row.uid) is not None:
        pass
    records = [await house.gateway.run(house.tenant, item.id) for item in (*items, other)]
    assert [one.status for one in records] == ["Cancelled", "Cancelled", "Pending", "Pending"]
    assert "limits.perKey 'customer'" in records[0].message
    assert await waits(house, items[2]) == [None]
    assert {await end(house, row), await end(house, row)} == {items[2].id, other.id}


async def test_the_sweep_displaces_where_a_gateway_died_before_it_could(house):
    row = await keyed(house, per(1, "CancelOldest"))
    old, new = of(row, "a"), of(row, "a")
    await accept(house, old)
    lease = await house.lease(row)
    await accept(house, new)
    await house.gateway.sweep()
    assert (await house.gateway.run(house.tenant, old.id)).status == "Cancelled"
    assert await waits(house, new) == [None]
    said = await house.gateway.complete([make.completion(lease)])
    assert said[0].outcome == "Stale"  # whoever had it is told


async def test_a_run_begins_once_every_key_of_it_has_room(house):
    row = await keyed(house, per(1), per(2, name="region"))

    def at(customer, region):
        return of(row, None, keys={"customer": customer, "region": region})

    items = [at("a", "x"), at("b", "x"), at("c", "x"), at("a", "y")]
    for item in items:
        await accept(house, item)
    assert await waits(house, *items) == [None, None, "WaitingForKey", "WaitingForKey"]
    assert await end(house, row) == items[0].id
    assert await waits(house, *items[2:]) == [None, None]


async def test_a_run_without_a_key_is_not_limited_by_it(house):
    row = await keyed(house, per(1))
    items = [of(row, None, keys={}), of(row, None, keys={}), make.submit(row)]
    await accept(house, *items)
    assert await waits(house, *items) == [None] * 3


CHANGES = {
    "raised": (per(3),),
    "removed": (),
    "of another name": (per(1, name="tenant"),),
}


@pytest.mark.parametrize("keys", CHANGES.values(), ids=CHANGES)
async def test_a_limit_that_is_changed_lets_those_begin_that_wait(house, keys):
    row = await keyed(house, per(1))
    items = [of(row, "a") for _ in range(3)]
    await accept(house, *items)
    await house.operator.put_pipeline(dataclasses.replace(row, keys=keys))
    await house.gateway.sweep()
    assert await waits(house, *items) == [None] * 3


async def test_a_cancelled_run_gives_its_key_back(house):
    row = await keyed(house, per(1))
    first, second = of(row, "a"), of(row, "a")
    await accept(house, first, second)
    assert await house.gateway.open_of_keys(house.tenant, row.uid, '{"customer": "a"}') == {
        "customer": 2
    }
    assert await house.gateway.cancel(house.tenant, first.id) is not None
    assert await waits(house, second) == [None]
    assert await house.gateway.cancel(house.tenant, second.id) is not None
    assert await house.gateway.open_of_keys(house.tenant, row.uid, '{"customer": "a"}') == {
        "customer": 0
    }


OVER = """
SELECT count(*) FROM (
  SELECT FROM headrace.run_keys k WHERE k.tenant = $1 AND k.held
  GROUP BY k.name, k.key HAVING count(*) > CASE k.name WHEN 'customer' THEN 2 ELSE 3 END) AS x
"""


async def submits(house, row, n, made):
    for turn in range(10):
        item = of(row, None, keys={"customer": str((n + turn) % 3), "region": str(turn % 2)})
        await accept(house, item)
        made.append(item.id)
        await house.gateway.displace(house.tenant, row.uid)


async def works(house, row, turns):
    for _ in range(turns):
        leases = await house.claim(row, 3)
        await house.gateway.complete([make.completion(lease) for lease in leases])
        await house.gateway.sweep()


async def cancels(house, made):
    for _ in range(20):
        if made:
            await house.gateway.cancel(house.tenant, made.pop(0))
        await asyncio.sleep(0)


async def test_submits_cancels_and_completions_that_race_never_exceed_a_limit(house, admin):
    row = await keyed(house, per(2), per(3, "CancelOldest", "region"))
    over = await admin.prepare(OVER)
    made = []
    racing = [submits(house, row, n, made) for n in range(8)]
    racing += [works(house, row, 20), works(house, row, 20), cancels(house, made)]
    race = asyncio.gather(*racing)
    while not race.done():
        assert await over.fetchval(house.tenant) == 0
    await race
    undone = "SELECT count(*) FROM headrace.runs WHERE tenant = $1 AND phase < 2"
    async with asyncio.timeout(30):
        while await admin.fetchval(undone, house.tenant):
            await works(house, row, 1)
    left = "SELECT count(*) FROM headrace.run_keys WHERE tenant = $1"
    assert await admin.fetchval(left, house.tenant) == 0
