"""A tenant's limit of workers, as the autoscaler and the workers of two pools meet it."""

from __future__ import annotations

import asyncio

import ledger_rows as make
from headrace_contract.compiled import CompiledPool, CompiledPython, CompiledStep
from headrace_gateway.options import Options
from headrace_ledger.declared import LimitRow
from scaler_scene import asking, ref, value

# Two pools of two slots a worker, with a step in each that waits for nothing.
POOLS = {
    "pools": [
        CompiledPool(name=name, concurrency_per_worker=2, max_replicas=4, drain_seconds=10)
        for name in ("main", "side")
    ],
    "steps": [
        CompiledStep(
            name=f"in_{name}",
            type="Python",
            pool=name,
            timeout_seconds=60,
            python=CompiledPython(function="m:f"),
        )
        for name in ("main", "side")
    ],
}
OFTEN = Options(sweep_seconds=0.05, counts_seconds=0.0)


def divided(ledger_server):
    return asking(ledger_server, pipeline=POOLS, options=OFTEN)


async def limit(door, *most):
    """Limit the tenant's workers, or nothing."""
    rows = [LimitRow("most", "workers", "None", each) for each in most]
    await door.operator.put_limits(make.limits(door.names.tenant, *rows))


async def asked(door, stub) -> list[float]:
    """Ask as the autoscaler does; two for each worker that is wanted."""
    return [await value(stub, ref(door, pool)) for pool in ("main", "side")]


async def becomes(door, stub, *want) -> float:
    """Wait until the autoscaler is told so; return how long that took."""
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(10):
        while await asked(door, stub) != list(want):
            pass
    return asyncio.get_running_loop().time() - began


async def test_the_pools_of_a_tenant_share_its_workers(ledger_server):
    async with divided(ledger_server) as (door, stub):
        for _ in range(20):
            await door.run_id()
        assert await asked(door, stub) == [20, 20]
        await limit(door, 5)
        assert await becomes(door, stub, 6, 4) < 5
        await limit(door, 3)
        await becomes(door, stub, 4, 2)
        await limit(door)
        await becomes(door, stub, 20, 20)


async def test_a_limit_of_no_worker_lets_work_wait_and_running_steps_end(ledger_server):
    async with divided(ledger_server) as (door, stub):
        await door.run_id()
        await door.run_id()
        assert len(await door.claim("c-1")) == 1
        await limit(door, 0)
        await becomes(door, stub, 2, 0)  # the worker whose step runs stays
        assert (await stub.IsActive(ref(door, "side"))).result is False
        assert await door.claim("c-2") == []
        await limit(door, 2)
        await becomes(door, stub, 2, 2)
        assert len(await door.claim("c-3", slots=2)) == 1


async def test_a_pool_that_runs_the_whole_limit_gives_the_other_its_turn(ledger_server):
    async with divided(ledger_server) as (door, stub):
        for _ in range(9):
            await door.run_id()
        leases = await door.claim("c-1", slots=4)
        await limit(door, 2)
        await becomes(door, stub, 4, 0)
        assert await door.claim("c-2", slots=4) == []  # over its share, nothing new begins
        for n, lease in enumerate(leases[:2]):
            await door.complete(lease, {}, f"done-{n}")
        await becomes(door, stub, 2, 2)


async def test_a_pool_that_gets_its_turn_is_told_so(ledger_server):
    async with divided(ledger_server) as (door, stub):
        await limit(door, 0)
        await door.run_id()
        stream = stub.StreamIsActive(ref(door))
        await becomes(door, stub, 0, 0)
        await limit(door, 2)
        async with asyncio.timeout(5):
            while not (await stream.read()).result:
                pass
        stream.cancel()
