"""A budget with `onHard: HoldAndDrain`: calls that it has no room for any more are ended."""

from __future__ import annotations

import asyncio
import json

import pytest

import ledger_rows as make
from gateway_calling import calling
from gateway_provider import Say, text
from gateway_scene import until
from headrace_gateway.options import Options
from headrace_ledger.declared import LimitRow

FAST = Options(fence_check_seconds=0.1, park_seconds=0.5, sweep_seconds=0.1)
MUCH = 10**9


async def budget(door, capacity, on_hard="HoldAndDrain", **changes):
    spec = json.dumps({"currency": "USD", "onExceed": on_hard})
    row = LimitRow("budget.month", "cost", "CalendarMonth", capacity, spec=spec, **changes)
    await door.operator.put_limits(make.limits(door.names.tenant, row))


@pytest.fixture
def silent():
    return Say(pieces=[30.0])


async def test_what_a_lowered_budget_has_no_room_for_ends_and_waits_for_it(ledger_server, silent):
    async with calling(ledger_server, silent, text(), options=FAST) as (door, provider, key):
        await budget(door, MUCH)
        call = asyncio.create_task(door.chat(key))
        await until(lambda: provider.asked)
        await budget(door, 1)
        async with asyncio.timeout(5):
            answer = await call
        said = answer.json()
        assert (answer.status_code, said["reason"]) == (429, "WaitingForBudget")
        done = await door.complete(door.lease, "whatever", "c-1")
        assert done["outcome"] == "Parked"
        await budget(door, MUCH)
        (again,) = await door.claim("m-2", wait=10)  # no attempt is spent
        assert (again["task"], again["attempt"]) == (door.lease["task"], 1)
        [usage] = await door.ledger.usage(door.names.tenant)
        assert usage.used > 0  # the provider has read the prompt


GO_ON = {
    "one that only parks": {"on_hard": "Park"},
    "one in Shadow mode": {"enforced": False},
    "one that the call fits into": {"capacity": MUCH - 1},
}


@pytest.mark.parametrize("changes", GO_ON.values(), ids=GO_ON)
async def test_a_call_goes_on_under(ledger_server, changes):
    goes_on = asyncio.Event()
    slow = Say(pieces=text().pieces, headers=text().headers, hold=goes_on)
    async with calling(ledger_server, slow, options=FAST) as (door, provider, key):
        await budget(door, MUCH)
        call = asyncio.create_task(door.chat(key))
        await until(lambda: provider.asked)
        await budget(door, **{"capacity": 1, **changes})
        calls = door.app.world.calls
        [live] = [live for lives in calls._by_task.values() for live in lives]
        await calls._draining.look([live])
        assert live.drained is None
        goes_on.set()
        assert (await call).status_code == 200
