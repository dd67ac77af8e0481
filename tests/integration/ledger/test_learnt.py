"""Limits that a provider says itself: learnt, kept strict, and forgotten."""

from __future__ import annotations

import asyncio

import pytest

import ledger_rows as make
from headrace_ledger.cooldowns import PROVIDER_EXHAUSTED, of_model
from headrace_ledger.declared import ProviderRow
from headrace_ledger.reservations import Draw, ReserveOutcome

pytestmark = pytest.mark.postgres

LEARNS = '{"limitsFrom": "ResponseHeaders"}'


@pytest.fixture(autouse=True)
async def forgotten(admin):
    """Leave no limit of all tenants to tests that look for their own alone."""
    yield
    await admin.execute("DELETE FROM headrace.limit_sets WHERE owner LIKE 'learnt/%'")


async def offer(house, name, spec=LEARNS):
    await house.operator.put_provider(ProviderRow(name, f"uid-of-{name}", spec, spec))


async def learnt(house, name):
    owner = f"learnt/{name}"
    every = await house.gateway.usage("_platform")
    return {
        one.name: (one.capacity, one.used + one.reserved) for one in every if one.owner == owner
    }


async def age(admin, name, interval):
    await admin.execute(
        "UPDATE headrace.limits SET learnt_at = now() - $2::text::interval WHERE owner = $1",
        f"learnt/{name}",
        interval,
    )


async def test_what_a_provider_says_is_a_limit_of_all_tenants(house):
    name = make.fresh("provider")
    await offer(house, name)
    await house.gateway.learn_limits(name, "m", {"requests": 1, "tokens": 900})
    assert await learnt(house, name) == {"requests/m": (1, 0), "tokens/m": (900, 0)}
    [limit] = [
        one
        for one in await house.gateway.limits_of(house.tenant)
        if (one.owner, one.resource) == (f"learnt/{name}", "requests")
    ]
    assert (limit.window, limit.enforced) == ("1m", True)
    assert limit.spec == f'{{"providers" : ["{name}"], "models" : ["m"]}}'


async def test_of_two_figures_the_stricter_stands_until_it_is_old(house, admin):
    name = make.fresh("provider")
    await offer(house, name)

    async def told(most):
        await house.gateway.learn_limits(name, "m", {"requests": most})
        return (await learnt(house, name))["requests/m"][0]

    assert await told(60) == 60
    assert await told(100) == 60
    assert await told(40) == 40
    await age(admin, name, "121 s")
    assert await told(100) == 100


async def test_two_gateways_that_learn_at_once_write_one_row(house):
    name = make.fresh("provider")
    await offer(house, name)
    most = {"tokens": 500, "requests": 5}
    await asyncio.gather(*(house.gateway.learn_limits(name, "m", most) for _ in range(8)))
    assert await learnt(house, name) == {"requests/m": (5, 0), "tokens/m": (500, 0)}


FORGOTTEN = {
    "switched to Static": lambda house, name: offer(house, name, "{}"),
    "deleted": lambda house, name: house.operator.delete_provider(name, f"uid-of-{name}"),
}


@pytest.mark.parametrize("forget", FORGOTTEN.values(), ids=FORGOTTEN)
async def test_a_provider_that_is_no_longer_listened_to_is_forgotten(house, forget):
    name = make.fresh("provider")
    await offer(house, name)
    await house.gateway.learn_limits(name, "m", {"requests": 60})
    await house.gateway.cool_down(of_model(name, "m"), 600, PROVIDER_EXHAUSTED)
    await forget(house, name)
    await house.gateway.learn_limits(name, "m", {"requests": 60})  # a gateway that is late
    assert await learnt(house, name) == {}


async def test_a_change_of_the_provider_ends_the_pauses_of_its_models(house):
    name = make.fresh("provider")
    await offer(house, name)
    await house.gateway.cool_down(of_model(name, "m"), 600, PROVIDER_EXHAUSTED)
    await offer(house, name, "{}")
    assert name not in {one.provider.split("/")[0] for one in await house.gateway.cooldowns()}


async def test_what_is_not_said_for_a_quarter_of_an_hour_is_forgotten_by_the_sweep(house, admin):
    old, new = make.fresh("provider"), make.fresh("provider")
    for name in (old, new):
        await offer(house, name)
        await house.gateway.learn_limits(name, "m", {"requests": 60})
    await age(admin, old, "16 min")
    await age(admin, new, "14 min")
    await house.gateway.sweep()
    assert await learnt(house, old) == {}
    assert await learnt(house, new) == {"requests/m": (60, 0)}


async def test_the_sweep_waits_for_no_call_that_holds_what_it_would_forget(house, admin):
    name = make.fresh("provider")
    await offer(house, name)
    await house.gateway.learn_limits(name, "m", {"requests": 60})
    [limit] = [
        one.id
        for one in await house.gateway.limits_of(house.tenant)
        if one.owner == f"learnt/{name}"
    ]
    draw = Draw("_platform", limit, "requests", 1)
    await house.gateway.reserve(make.reserve(house.tenant, draw, provider=name))
    await age(admin, name, "16 min")
    async with admin.transaction(), asyncio.timeout(20):
        await admin.execute("SELECT FROM headrace.buckets WHERE limit_id = $1 FOR UPDATE", limit)
        assert await swept(house)
        assert await learnt(house, name) == {"requests/m": (60, 1)}
    assert await swept(house)
    assert await learnt(house, name) == {}


async def swept(house):
    """Sweep, unless a test beside this one does."""
    return (await house.gateway.sweep()).ran


async def test_a_pause_of_one_model_keeps_the_others_going(house):
    name = make.fresh("provider")
    await house.gateway.cool_down(of_model(name, "m"), 600, PROVIDER_EXHAUSTED)
    said = [
        await house.gateway.reserve(make.reserve(house.tenant, provider=name, model=model))
        for model in ("m", "other")
    ]
    assert [one.outcome for one in said] == [ReserveOutcome.COOLING, ReserveOutcome.RESERVED]
    assert 590 < said[0].seconds <= 600
