"""A provider with `stopPolicy: HoldAndDrain`: calls under way end, and their steps wait."""

from __future__ import annotations

import asyncio

import pytest

from gateway_calling import calling
from gateway_provider import FRAMES, Say, stream, text
from gateway_rows import provider_row
from gateway_scene import until
from headrace_gateway.options import Options

FAST = Options(fence_check_seconds=0.1, park_seconds=0.5, sweep_seconds=0.1)


async def policy(door, url, stop):
    row = provider_row(door.names.provider, url, "tiny", stopPolicy=stop)
    await door.operator.put_provider(row)


async def parked_and_back(door, lease):
    """Say whatever one likes: the step is parked, spends no attempt, and comes back."""
    done = await door.complete(lease, "whatever", "c-1")
    assert done["outcome"] == "Parked"
    (again,) = await door.claim("m-2", wait=10)
    assert (again["task"], again["attempt"]) == (lease["task"], 1)


@pytest.fixture
def silent():
    return Say(pieces=[30.0])


async def test_a_call_that_waits_for_its_answer_ends(ledger_server, silent):
    async with calling(ledger_server, silent, options=FAST) as (door, provider, key):
        call = asyncio.create_task(door.chat(key))
        await until(lambda: provider.asked)
        await policy(door, "http://127.0.0.1:9", "Hold")
        done, _ = await asyncio.wait([call], timeout=1)
        assert not done  # held: what is under way goes on
        await policy(door, "http://127.0.0.1:9", "HoldAndDrain")
        async with asyncio.timeout(5):
            answer = await call
        assert (answer.status_code, answer.json()["reason"]) == (429, "ProviderHeld")
        assert len(door.fallback.asked) == 0
        await parked_and_back(door, door.lease)


async def test_a_stream_ends_in_the_middle_and_its_step_is_parked(ledger_server):
    endless = stream(*FRAMES, hold=asyncio.Event())
    async with calling(ledger_server, endless, text(), options=FAST) as (door, _, key):
        body = {"model": "small", "messages": [], "stream": True}
        headers = {"authorization": f"Bearer {key}"}
        async with (
            asyncio.timeout(10),
            door.http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer,
        ):
            pieces = answer.aiter_raw()
            received = await anext(pieces)
            await policy(door, "http://127.0.0.1:9", "HoldAndDrain")
            async for piece in pieces:
                received += piece
        assert b"RateLimited" in received
        assert not received.endswith(b"[DONE]\n\n")
        await parked_and_back(door, door.lease)
        spent = (await door.run(door.lease["run"]))["usage"]
        assert spent["outputTokens"] > 0  # what was received is paid
