"""KEDA's questions, asked over real gRPC."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

import ledger_rows as make
from gateway_relay import relayed
from gateway_rows import row
from gateway_scene import scene
from headrace_ledger.declared import TenantRow
from scaler_scene import asking, ref, value


async def test_an_empty_pool_is_inactive_and_asks_for_nothing(ledger_server):
    async with asking(ledger_server) as (door, stub):
        assert (await stub.IsActive(ref(door))).result is False
        assert await value(stub, ref(door)) == 0


async def test_waiting_and_running_work_count_and_the_target_is_a_workers_slots(ledger_server):
    async with asking(ledger_server) as (door, stub):
        for _ in range(5):
            await door.run_id()
        await door.claim("c-1", slots=1)
        assert (await stub.IsActive(ref(door))).result is True
        assert await value(stub, ref(door)) == 5
        spec = (await stub.GetMetricSpec(ref(door))).metricSpecs[0]
        assert spec.targetSizeFloat == 2


async def test_a_submit_is_pushed_at_once(ledger_server):
    async with asking(ledger_server) as (door, stub):
        stream = stub.StreamIsActive(ref(door))
        assert (await stream.read()).result is False
        began = asyncio.get_running_loop().time()
        await door.run_id()
        async with asyncio.timeout(5):
            assert (await stream.read()).result is True
        assert asyncio.get_running_loop().time() - began < 0.5
        stream.cancel()


async def test_a_submit_at_another_gateway_is_pushed_too(ledger_server):
    async with asking(ledger_server) as (door, stub):
        stream = stub.StreamIsActive(ref(door))
        assert (await stream.read()).result is False
        async with scene(ledger_server, [], names=door.names) as other:
            await other.run_id()
            async with asyncio.timeout(3):
                assert (await stream.read()).result is True
        stream.cancel()


@pytest.mark.parametrize("changes", [{"name": "scale-other"}, {"namespace": "elsewhere"}])
async def test_a_pool_is_answered_to_its_own_scaled_object_alone(ledger_server, changes):
    async with asking(ledger_server) as (door, stub):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.IsActive(ref(door, **changes))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


HELD = {"the pipeline": True, "its tenant": False}


@pytest.mark.parametrize("pipeline", HELD.values(), ids=HELD)
async def test_held_work_starts_no_worker_and_running_work_keeps_its_own(ledger_server, pipeline):
    async with asking(ledger_server) as (door, stub):
        await door.run_id()
        await door.run_id()
        await door.claim("c-1")
        await (hold(door) if pipeline else hold_tenant(door))
        assert await value(stub, ref(door)) == 1
        assert (await stub.IsActive(ref(door))).result is True


async def hold_tenant(door) -> None:
    name = door.names.tenant
    row = TenantRow(name, f"uid-{name}", (door.names.namespace,), stop_policy="Hold")
    await door.operator.put_tenant(row)


async def hold(door) -> None:
    await door.operator.put_pipeline(row(door.pipeline, stop_policy="Hold"))


async def test_a_ledger_that_cannot_be_read_is_an_error_and_never_zero(ledger_server):
    async with relayed(ledger_server) as relay, asking(relay) as (door, stub):
        await door.run_id()
        assert await value(stub, ref(door)) == 1
        await relay.cut()
        # What was read a moment ago may be said once more, but it is never a zero.
        async with asyncio.timeout(10):
            while (said := await value_or_code(stub, ref(door))) == 1:
                pass
        assert said is grpc.StatusCode.UNAVAILABLE


async def test_a_stream_whose_ledger_is_away_says_so(ledger_server):
    async with relayed(ledger_server) as relay, asking(relay) as (door, stub):
        stream = stub.StreamIsActive(ref(door))
        assert (await stream.read()).result is False
        await relay.cut()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async with asyncio.timeout(20):
                await stream.read()
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_work_of_which_nobody_told_is_seen_all_the_same(ledger_server):
    async with asking(ledger_server) as (door, stub):
        stream = stub.StreamIsActive(ref(door))
        assert (await stream.read()).result is False
        await door.ledger.accept([make.submit(row(door.pipeline))])
        async with asyncio.timeout(15):
            assert (await stream.read()).result is True
            assert (await stream.read()).result is True  # said again at each look
        stream.cancel()


async def value_or_code(stub, reference):
    try:
        return await value(stub, reference)
    except grpc.aio.AioRpcError as exc:
        return exc.code()


async def test_streams_end_well_when_the_gateway_stops(ledger_server):
    async with asking(ledger_server) as (door, stub):
        stream = stub.StreamIsActive(ref(door))
        await stream.read()
        door.app.stop()
        async with asyncio.timeout(3):
            assert await stream.read() is grpc.aio.EOF
            assert await stream.code() is grpc.StatusCode.OK
