"""Who contends for a limit of all tenants, from when and until when, and what is counted of it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest
import pytest_asyncio

import ledger_rows as make
from headrace_ledger.client import Ledger
from headrace_ledger.declared import LimitRow
from shares_scene import CAPACITY, MINUTE, WEIGHTS, Scene

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture
async def place(house, admin):
    scene = await Scene.of(house, admin, LimitRow("rpm", "requests", "1m", CAPACITY))
    yield scene
    await scene.close()


async def apart(place, one):
    """What is counted of the limit for one tenant alone: used and reserved; None if nothing is."""
    row = await place.admin.fetchrow(
        "SELECT used, reserved FROM headrace.buckets"
        " WHERE limit_id = $1 AND subject = headrace.share_subject($2)",
        place.limit,
        one.house.tenant,
    )
    return row and tuple(row)


async def contenders(place):
    rows = await place.admin.fetch(
        "SELECT contender FROM headrace.contenders WHERE limit_id = $1", place.limit
    )
    return {row["contender"] for row in rows}


async def test_nobody_is_counted_apart_before_somebody_is_refused(place):
    one, other = await place.tenant(), await place.tenant(amount=CAPACITY)
    await one.calls()
    assert (await contenders(place), await apart(place, one)) == (set(), None)
    await other.calls()  # refused
    assert await contenders(place) == {other.house.tenant}
    await one.calls()
    assert await apart(place, one) == (1, 0)


async def test_what_a_call_did_not_use_is_given_back_to_the_share_too(place):
    one, other = await place.tenant(amount=60), await place.tenant(amount=30)
    held = await one.begins()
    assert await other.begins() is None
    await one.ends(held)
    for _ in range(MINUTE):
        await place.second()
    held = await one.begins()
    assert await apart(place, one) == (60, 60)
    await place.house.gateway.settle(make.settlement(held, calls=7))
    assert await apart(place, one) == (7, 0)
    assert await place.used() == 7


async def test_what_a_dead_gateway_held_is_settled_in_the_share_too(place):
    one, other = await place.tenant(), await place.tenant(amount=CAPACITY)
    await one.calls()
    await other.calls()  # refused
    held = await one.begins()
    await place.admin.execute(
        "UPDATE headrace.reservations SET expires_at = now() - interval '1 s' WHERE id = $1",
        held.id,
    )
    await place.house.gateway.sweep()
    assert await apart(place, one) == (1, 0)


async def test_the_contention_ends_when_nobody_was_refused_for_two_windows(place):
    one, other = await place.tenant(), await place.tenant(amount=CAPACITY)
    await one.calls()
    await other.calls()  # refused
    for _ in range(MINUTE - 2):
        await place.house.gateway.sweep()
        assert other.house.tenant in await contenders(place)
        assert await one.calls()
        await place.second()
        await place.second()
    for _ in range(4):
        await place.second()
    await place.house.gateway.sweep()
    assert await contenders(place) == set()


async def test_who_waits_contends_for_as_long_as_it_waits(place):
    one, other = await place.tenant(), await place.tenant(amount=CAPACITY)
    await one.calls()
    await other.waits_with(1)
    for _ in range(3 * MINUTE):
        await place.house.gateway.sweep()
        await place.second()
        await one.calls()
    assert other.house.tenant in await contenders(place)


async def test_who_does_not_take_up_what_was_let_go_keeps_nobody_from_its_share(place):
    one, other = await place.tenant(), await place.tenant(amount=CAPACITY)
    await one.calls()
    await other.waits_with(2)
    for _ in range(MINUTE):
        await place.second()
    await place.house.gateway.sweep()  # lets one go, which nobody claims
    change = "UPDATE headrace.tasks SET ready_at = ready_at - $1::interval WHERE tenant = $2"
    await place.admin.execute(change, timedelta(minutes=1), other.house.tenant)
    for _ in range(2 * MINUTE):
        await place.second()
        await place.house.gateway.sweep()
    assert await contenders(place) == set()


async def test_nothing_of_a_tenant_stays_when_it_goes(place):
    one, other = await place.tenant(), await place.tenant(amount=CAPACITY)
    await one.calls()
    await other.calls()  # refused
    await one.calls()
    name = one.house.tenant
    await place.operator.delete_tenant(name, f"uid-of-{name}")
    assert await apart(place, one) is None
    assert await contenders(place) == {other.house.tenant}


async def test_racing_gateways_never_exceed_a_limit_that_is_contended_for(place, ledger_server):
    each = [await place.tenant(weight) for weight in WEIGHTS]
    for seconds in (30, MINUTE - 30):  # full, and free again; meanwhile each is refused
        await place.saturated_by(*each)
        for _ in range(seconds):
            await place.second()
    async with contextlib.AsyncExitStack() as stack:
        gateways = []
        for _ in range(3):
            one = await Ledger.connect(ledger_server.gateway_url, role="gateway")
            stack.push_async_callback(one.close)
            gateways.append(one)
        wishes = [one.wish() for _ in range(100) for one in each]
        said = await asyncio.gather(
            *(gateways[n % 3].reserve(wish) for n, wish in enumerate(wishes))
        )
        won = [one for one, told in zip(wishes, said, strict=True) if told.outcome == "Reserved"]
        assert {told.outcome for told in said} == {"Reserved", "Blocked"}
        assert len(won) == await place.used() == CAPACITY
        assert [sum(w.tenant == one.house.tenant for w in won) for one in each] == [10, 20, 50]
        await asyncio.gather(
            *(gateways[n % 3].settle(make.settlement(one)) for n, one in enumerate(won))
        )
    assert [await apart(place, one) for one in each] == [(10, 0), (20, 0), (50, 0)]
