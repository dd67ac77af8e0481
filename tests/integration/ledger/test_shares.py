"""Tenants that contend for a limit of all: by weight, lent while one is idle, and given back."""

from __future__ import annotations

import pytest
import pytest_asyncio

from headrace_ledger.declared import LimitRow
from shares_scene import CAPACITY, MINUTE, WEIGHTS, Scene, begin, shares

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture
async def place(house, admin):
    scene = await Scene.of(house, admin, LimitRow("rpm", "requests", "1m", CAPACITY))
    yield scene
    await scene.close()


def near(found, want):
    """Each share is what it should be, within a tenth of it."""
    return found == {weight: pytest.approx(share, rel=0.1) for weight, share in want.items()}


BY_WEIGHT = {1: 1 / 8, 2: 2 / 8, 5: 5 / 8}


async def settled_down(place, turn):
    """Let a window and a half pass: bursts are then counted in whole windows."""
    for _ in range(MINUTE + MINUTE // 2):
        await turn()
        await place.second()


async def over_windows(place, turn, windows=2):
    for _ in range(windows * MINUTE):
        await turn()
        assert await place.used() <= CAPACITY
        await place.second()


async def test_direct_calls_are_admitted_by_weight_while_several_tenants_want_more(place):
    each = [await place.tenant(weight) for weight in WEIGHTS]

    async def turn():
        await place.saturated_by(*each)

    await settled_down(place, turn)
    begin(*each)
    await over_windows(place, turn)
    assert near(shares(*each), BY_WEIGHT)
    assert sum(one.won for one in each) >= 0.95 * 2 * CAPACITY  # and nothing is left lying


async def test_parked_steps_are_let_go_by_weight_and_hardly_ever_into_a_refusal(place):
    each = [await place.tenant(weight) for weight in WEIGHTS]
    for one in each:
        await one.waits_with(60 * one.weight)

    async def turn():
        await place.house.gateway.sweep()
        for one in each:
            await one.works()

    await settled_down(place, turn)
    begin(*each)
    await over_windows(place, turn)
    assert near(shares(*each), BY_WEIGHT)
    won = sum(one.won for one in each)
    assert won >= 0.95 * 2 * CAPACITY
    assert sum(one.refused for one in each) <= 0.1 * won


async def test_parked_steps_and_direct_calls_share_by_weight_too(place):
    one, two, five = [await place.tenant(weight) for weight in WEIGHTS]
    await two.waits_with(120)

    async def turn():
        await place.saturated_by(one, five)
        await place.house.gateway.sweep()
        await two.works()

    await settled_down(place, turn)
    begin(one, two, five)
    await over_windows(place, turn)
    assert near(shares(one, two, five), BY_WEIGHT)


async def test_calls_at_once_are_shared_by_weight_as_well(house, admin):
    place = await Scene.of(house, admin, LimitRow("at-once", "llmCalls", "None", 16))
    each = [await place.tenant(weight) for weight in WEIGHTS]
    held = {one.weight: [] for one in each}
    for _ in range(40):
        for one in place.shuffled(*each):
            while (wish := await one.begins()) is not None:
                held[one.weight].append(wish)
        for one in each:
            if held[one.weight]:  # one call of each comes to its end
                await one.ends(held[one.weight].pop(0))
    assert {weight: len(calls) + 1 for weight, calls in held.items()} == {1: 2, 2: 4, 5: 10}
    await place.close()


async def test_the_share_of_who_is_idle_goes_to_the_others_and_comes_back(place):
    one, two, five = [await place.tenant(weight) for weight in WEIGHTS]

    async def all_call():
        await place.saturated_by(one, two, five)

    async def two_call():
        await place.saturated_by(one, two)

    await settled_down(place, all_call)
    await over_windows(place, two_call)
    begin(one, two)
    await over_windows(place, two_call)
    assert near(shares(one, two), {1: 1 / 3, 2: 2 / 3})
    assert one.won + two.won >= 0.95 * 2 * CAPACITY
    begin(five)
    await over_windows(place, all_call, windows=1)
    assert five.won >= 0.9 * 5 / 8 * CAPACITY


async def test_alone_a_tenant_has_all_of_it(place):
    noisy, quiet = await place.tenant(1), await place.tenant(7)
    await quiet.calls()

    async def turn():
        await place.saturated_by(noisy)

    await settled_down(place, turn)
    begin(noisy)
    await over_windows(place, turn)
    assert noisy.won >= 0.95 * 2 * CAPACITY


async def test_a_newcomer_has_its_share_within_a_window(place):
    noisy, newcomer = await place.tenant(1), await place.tenant(1)

    async def noise():
        await place.saturated_by(noisy)

    async def both():
        await place.saturated_by(noisy, newcomer)

    await settled_down(place, noise)
    await over_windows(place, both, windows=1)
    assert newcomer.won >= 0.9 * 1 / 2 * CAPACITY


async def test_a_call_larger_than_a_share_is_admitted_in_its_turn(place):
    """And never told that it is too large: it is smaller than the limit."""
    small, large = await place.tenant(9), await place.tenant(1, amount=20)

    async def turn():
        await place.saturated_by(small, large)

    await settled_down(place, turn)
    begin(large)
    await over_windows(place, turn, windows=4)
    assert large.won >= 1


async def waited(place, quiet, *, noise, windows=3):
    """Let the quiet one call every third second; return its seconds of waiting, call by call."""
    waits, waiting = [], None
    for turn in range(windows * MINUTE):
        await noise()
        if waiting is None and turn % 3 == 0:
            waiting = 0
        if waiting is not None:
            if await quiet.calls():
                waits.append(waiting)
                waiting = None
            else:
                waiting += 1
        await place.second()
    return waits[20:]  # in the first window the noisy one is counted


async def test_a_noisy_tenant_with_a_huge_backlog_does_not_slow_a_quiet_one(place):
    async def silence():
        pass

    async def noise():
        await place.saturated_by(noisy)
        await place.house.gateway.sweep()
        await noisy.works()

    quiet = await place.tenant(1)
    alone = await waited(place, quiet, noise=silence)
    noisy = await place.tenant(1)
    await noisy.waits_with(500)
    beside = await waited(place, quiet, noise=noise)
    assert sum(alone) == 0
    assert sum(beside) <= 0.1 * len(beside)
    assert max(beside) <= 2, beside
    assert noisy.won >= 0.9 * 3 * 60
