"""A backlog under limits, as the autoscaler meets it from its first question on."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

import ledger_rows as make
from gateway_rows import provider_row
from headrace_contract.compiled import CompiledLLM, CompiledPool, CompiledPython, CompiledStep
from headrace_gateway.options import Options
from headrace_ledger.declared import LimitRow
from scaler_scene import asking, ref, value

NOWHERE = "http://127.0.0.1:9/v1"
BACKLOG = 200
OFTEN = Options(counts_seconds=0.0)
THINK = CompiledStep(
    name="think",
    type="LLM",
    pool="main",
    timeout_seconds=60,
    llm=CompiledLLM(model_class="small", prompt="{{ input.topic }}", max_tokens=64),
)
WRITE = CompiledStep(
    name="write",
    type="Python",
    pool="main",
    timeout_seconds=60,
    python=CompiledPython(function="m:f"),
)


def fed(ledger_server, *steps):
    pool = CompiledPool(name="main", concurrency_per_worker=1, max_replicas=50, drain_seconds=10)
    pipeline = {"pools": [pool], "steps": list(steps or [THINK])}
    return asking(ledger_server, providers=[NOWHERE] * 2, pipeline=pipeline, options=OFTEN)


async def limit(door, *rows):
    await door.operator.put_limits(make.limits(door.names.tenant, *rows))


async def fill(door):
    for _ in range(BACKLOG // 50):
        await asyncio.gather(*(door.run_id() for _ in range(50)))


async def signal(door):
    counts = await door.ledger.counts()
    [found] = [one for one in counts if one.tenant == door.names.tenant]
    return found


async def becomes(door, stub, want):
    async with asyncio.timeout(15):
        while await value(stub, ref(door)) != want:
            pass


PER_MINUTE = {
    "requests": (LimitRow("rpm", "requests", "1m", 3), 1),
    "tokens": (LimitRow("tpm", "tokens", "1m", 300), 2),
    "calls at once": (LimitRow("few", "llmCalls", "None", 2), 2),
}


@pytest.mark.parametrize(("row", "want"), PER_MINUTE.values(), ids=PER_MINUTE)
async def test_the_first_answer_wants_no_more_workers_than_the_limit_feeds(
    ledger_server, row, want
):
    async with fed(ledger_server) as (door, stub):
        await limit(door, row)
        await fill(door)
        assert (await stub.IsActive(ref(door))).result is True
        assert await value(stub, ref(door)) == want
        found = await signal(door)
        assert (found.workers_wanted, found.workers_fed) == (50, want)
        assert found.workers_fed_by == f"limit '{row.name}' of tenant ({row.resource})"


async def test_a_limit_that_is_lifted_or_raised_feeds_more_at_once(ledger_server):
    async with fed(ledger_server) as (door, stub):
        await limit(door, LimitRow("rpm", "requests", "1m", 3))
        await fill(door)
        assert await value(stub, ref(door)) == 1
        await limit(door, LimitRow("rpm", "requests", "1m", 30))
        await becomes(door, stub, 10)
        await limit(door)
        await becomes(door, stub, BACKLOG)
        assert (await signal(door)).workers_fed is None


async def test_what_calls_have_taken_counts_once_there_are_some(ledger_server):
    async with fed(ledger_server) as (door, stub):
        await limit(door, LimitRow("rpm", "requests", "1m", 3))
        await door.run_id()
        [lease] = await door.claim("c-1")
        claimed = await door.ledger.lease_of_key(
            bytes.fromhex(door.wish("c-1")["slots"][0]["keyHash"])
        )
        slow = {"provider": door.names.provider, "model": "tiny", "duration_ms": 60_000}
        await door.ledger.record_call(make.call(claimed, **slow, cost=Decimal(0)))
        await door.complete(lease, "done", "d-1")
        await fill(door)
        assert await value(stub, ref(door)) == 6


async def test_running_steps_keep_their_workers_whatever_is_fed(ledger_server):
    async with fed(ledger_server) as (door, stub):
        await fill(door)
        assert len(await door.claim("c-1", slots=5)) == 5
        await limit(door, LimitRow("rpm", "requests", "1m", 3))
        await becomes(door, stub, 5)


async def test_a_pool_with_a_step_that_may_need_no_model_is_not_judged_beforehand(ledger_server):
    async with fed(ledger_server, THINK, WRITE) as (door, stub):
        await limit(door, LimitRow("rpm", "requests", "1m", 3))
        await fill(door)
        assert await value(stub, ref(door)) == 2 * BACKLOG


async def test_a_backlog_for_providers_on_hold_starts_no_worker(ledger_server):
    async with fed(ledger_server) as (door, stub):
        await hold(door, "Hold")
        await fill(door)
        assert (await stub.IsActive(ref(door))).result is False
        assert await value(stub, ref(door)) == 0
        assert (await signal(door)).workers_fed == 0
        stream = stub.StreamIsActive(ref(door))
        assert (await stream.read()).result is False
        await hold(door, "None")
        async with asyncio.timeout(15):
            assert (await stream.read()).result is True
        stream.cancel()


async def hold(door, policy):
    for name, model in ((door.names.provider, "tiny"), (door.names.fallback, "tiny-two")):
        await door.operator.put_provider(provider_row(name, NOWHERE, model, stopPolicy=policy))
