"""A caller that goes leaves nothing reserved, and nothing is bought for it."""

from __future__ import annotations

import asyncio

from gateway_calling import calling
from gateway_provider import FRAMES, stream
from headrace_ledger.declared import LimitRow, LimitSet
from worker_scenes import until


async def test_a_call_is_settled_although_its_caller_went_while_it_was_recorded(
    ledger_server, monkeypatch
):
    async with calling(ledger_server, stream(*FRAMES)) as (door, _, key):
        row = LimitRow("at-once", "llmCalls", "None", 1)
        await door.operator.put_limits(LimitSet(door.names.tenant, "tenant", "digest", (row,)))
        record, begun, gone = door.ledger.record_call, asyncio.Event(), asyncio.Event()

        async def slowly(call):
            begun.set()
            await gone.wait()
            return await record(call)

        monkeypatch.setattr(door.ledger, "record_call", slowly)
        body = {
            "model": "small",
            "messages": [{"role": "user", "content": "hello"}],
            "stream": True,
        }
        headers = {"authorization": f"Bearer {key}"}
        async with door.http.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as answer:
            assert answer.status_code == 200
            await begun.wait()
            assert len(door.app.world.calls) == 1
        await until(lambda: len(door.app.world.calls) == 0)
        gone.set()

        await until(lambda: used(door, (0, 0)))


async def test_a_call_whose_caller_went_while_it_was_reserved_is_not_made(
    ledger_server, monkeypatch
):
    async with calling(ledger_server, stream(*FRAMES)) as (door, provider, key):
        row = LimitRow("rpm", "requests", "1h", 5)
        await door.operator.put_limits(LimitSet(door.names.tenant, "tenant", "digest", (row,)))
        reserve, begun, gone = door.ledger.reserve, asyncio.Event(), asyncio.Event()

        async def slowly(wish):
            said = await reserve(wish)
            begun.set()
            await gone.wait()
            return said

        monkeypatch.setattr(door.ledger, "reserve", slowly)
        asking = asyncio.create_task(door.chat(key))
        await begun.wait()
        [[live]] = door.app.world.calls._by_task.values()
        asking.cancel()
        await until(lambda: live._cut is not None)
        gone.set()
        await until(lambda: used(door, (0, 0)))
        await until(lambda: len(door.app.world.calls) == 0)
        assert provider.asked == []


async def used(door, wanted):
    """Say whether this is what is used and reserved of the only limit."""
    [usage] = await door.ledger.usage(door.names.tenant)
    return (usage.used, usage.reserved) == wanted
