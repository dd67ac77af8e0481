from __future__ import annotations

import asyncio

import pytest

import ledger_rows as make
from headrace_ledger.client import Ledger

pytestmark = pytest.mark.postgres


async def heard(listener, *, pool):
    """Wait until a wake names this pool; say whether a resync came before it."""
    resync = False
    async with asyncio.timeout(20):
        async for wake in listener:
            resync = resync or wake.resync
            if pool in wake.pool_ids:
                return wake, resync
    raise AssertionError


@pytest.fixture
async def other(ledger_server):
    ledger = await Ledger.connect(ledger_server.gateway_url, role="gateway")
    yield ledger
    await ledger.close()


async def test_a_wake_reaches_other_gateways_and_comes_as_one(gateway, other):
    run = make.uuid7()
    async with other.listen() as listener:
        first = await anext(listener)
        assert first.resync  # after a connect anything may have happened
        for pool in range(9_000, 9_100):
            await gateway.notify([pool], [run])
        wake, _ = await heard(listener, pool=9_099)
        assert run in wake.runs


async def test_a_gateway_does_not_hear_itself(gateway, other):
    async with gateway.listen() as listener:
        assert (await anext(listener)).resync
        await gateway.notify([9_300], [])
        await asyncio.sleep(0)
        await gateway.notify([9_301], [])
        await other.notify([9_302], [])
        wake, _ = await heard(listener, pool=9_302)
        assert not wake.pool_ids & {9_300, 9_301}


async def test_the_listener_survives_the_loss_of_its_connection(gateway, other, admin):
    async with other.listen() as listener:
        await anext(listener)
        gone = await admin.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'headrace_gateway_login' AND query LIKE 'LISTEN%'"
        )
        assert gone, "the fault did not fire"
        again = await anext(listener)
        assert again.resync
        await gateway.notify([9_200], [])
        await heard(listener, pool=9_200)
