"""A budget that is running low: calls go to a cheaper class, if there is one that can serve."""

from __future__ import annotations

from decimal import Decimal

import ledger_rows as make
from gateway_calling import calling
from gateway_provider import text
from gateway_scene import Names
from headrace_contract.compiled import CompiledModel, CompiledTarget
from headrace_ledger.declared import LimitRow, LimitSet
from headrace_ledger.reservations import Draw

WHOLE = 10**9
"""The budget, in billionths."""


def classes(**by_class):
    return [
        CompiledModel(model_class=name, targets=[CompiledTarget(provider=provider, model=model)])
        for name, (provider, model) in by_class.items()
    ]


async def spent(door, part):
    """Declare a budget that saves from a half on, of which this part has been spent."""
    spec = '{"currency": "USD", "degradeAt": 50, "degradeTo": "cheap"}'
    row = LimitRow("budget.m", "cost", "1d", WHOLE, spec=spec)
    await door.operator.put_limits(LimitSet(door.names.tenant, "tenant", "digest", (row,)))
    [limit] = [
        one for one in await door.ledger.limits_of(door.names.tenant) if one.name == row.name
    ]
    draw = Draw(limit.tenant, limit.id, limit.resource, int(part * WHOLE))
    wish = make.reserve(door.names.tenant, draw)
    assert (await door.ledger.reserve(wish)).outcome == "Reserved"
    await door.ledger.settle(make.settlement(wish, cost=Decimal(str(part))))


async def answered(door, key):
    answer = await door.chat(key)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-headrace-model"]


def two(cheap):
    names = Names()
    served = classes(small=(names.provider, "tiny"), cheap=cheap or (names.fallback, "tiny-two"))
    return {"names": names, "pipeline": {"models": served}, "fallback": (text(),)}


async def test_from_the_percent_on_the_cheaper_class_answers(ledger_server):
    async with calling(ledger_server, text(), **two(None)) as (door, provider, key):
        await spent(door, 0.5)
        assert await answered(door, key) == "tiny-two"
        assert provider.asked == []
        params = {"by": "model", "tenant": door.names.tenant}
        [cost] = (await door.http.get("/v1/cost", params=params)).json()["items"]
        assert cost["key"] == f"{door.names.fallback}/tiny-two"


async def test_before_it_the_declared_class_does(ledger_server):
    async with calling(ledger_server, text(), **two(None)) as (door, _, key):
        await spent(door, 0.49)
        assert await answered(door, key) == "tiny"


async def test_a_cheaper_class_that_nobody_serves_stops_nobody(ledger_server):
    async with calling(ledger_server, text(), **two(("nobody", "none"))) as (door, _, key):
        await spent(door, 0.5)
        assert await answered(door, key) == "tiny"
