"""The ledger away: nothing is acknowledged that is not kept, and nothing that is paid is lost."""

from __future__ import annotations

import asyncio

import pytest

from gateway_provider import Provider, text
from gateway_relay import relayed
from gateway_scene import listening, scene, until
from headrace_gateway.options import Options


@pytest.fixture
async def fragile(ledger_server):
    async with relayed(ledger_server) as relay:
        yield relay


async def test_submits_are_refused_while_the_ledger_is_away_and_kept_when_acknowledged(fragile):
    async with scene(fragile, []) as door:
        before = await door.run_id()
        await fragile.cut()
        answer = await door.submit()
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["content-type"] == "application/problem+json"
        ready = await ready_status(door)
        assert ready == 503
        await fragile.mend()
        async with asyncio.timeout(20):
            while (answer := await door.submit()).status_code != 202:
                assert answer.status_code == 503
        assert (await door.run(before))["id"] == before
        assert (await door.run(answer.json()["id"]))["status"] == "Pending"


async def ready_status(door) -> int:
    async with listening(door.app.health.app()) as url:
        return (await door.http.get(f"{url}/readyz")).status_code


async def test_a_paid_answer_outlasts_an_outage(fragile):
    provider = Provider(text("Paid."))
    hold = asyncio.Event()
    provider.script[0].hold = hold
    options = Options(ledger_patience_seconds=30)
    async with listening(provider) as url, scene(fragile, [url], options=options) as door:
        run = await door.run_id()
        await door.claim("m-1")
        asking = asyncio.ensure_future(door.chat(door.key("m-1")))
        async with asyncio.timeout(5):
            await provider.began.wait()
        await fragile.cut()
        hold.set()
        await fragile.mend()
        answer = await asking
        assert answer.status_code == 200
        assert len(provider.asked) == 1
        assert (await door.run(run))["usage"]["inputTokens"] == 10


async def test_a_claim_that_waits_outlasts_an_outage(fragile):
    async with scene(fragile, []) as door:
        waiting = asyncio.ensure_future(door.claim("c-1", wait=40))
        await until(lambda: door.app.world.metrics.waiting._value.get() == 1)
        await fragile.cut()
        await fragile.mend()
        async with asyncio.timeout(30):
            while (await door.submit()).status_code != 202:
                pass
            assert len(await waiting) == 1
