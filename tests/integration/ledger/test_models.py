from __future__ import annotations

import dataclasses
from decimal import Decimal

import asyncpg
import pytest

import ledger_rows as make
from headrace_ledger.declared import ProviderRow
from headrace_ledger.records import CallRecord

pytestmark = pytest.mark.postgres


async def started(house, **changes):
    row = await house.pipeline(**changes)
    item = await house.submit(row)
    return row, item, await house.lease(row)


async def recalled(house, lease, idx=0):
    return await house.gateway.recall(lease.tenant, lease.run, lease.step, b"hash", idx)


async def test_the_key_of_a_running_step_opens_its_lease_and_dies_with_it(house):
    row, item, lease = await started(house)
    keyed = await house.gateway.lease_of_key(lease.key_hash)
    assert (keyed.tenant, keyed.run, keyed.step, keyed.fence) == (house.tenant, item.id, "only", 1)
    assert (keyed.pipeline_uid, keyed.digest, keyed.parked_until) == (row.uid, row.digest, None)
    await house.gateway.complete([make.completion(lease)])
    assert await house.gateway.lease_of_key(lease.key_hash) is None


async def test_a_recorded_call_is_given_again_after_a_loss_but_not_to_a_new_attempt(house):
    row, _, lease = await started(house)
    assert await house.gateway.record_call(make.call(lease))
    assert (await recalled(house, lease)).response == b'{"text": "hello"}'
    assert await recalled(house, lease, idx=1) is None
    await house.gateway.fail([make.failure(lease, "Resume", error_class="WorkerLost")])
    again = await house.lease(row)
    assert (await recalled(house, again)).cost == Decimal("0.0000042")
    await house.gateway.fail([make.failure(again, "Retry")])
    assert await recalled(house, await house.lease(row)) is None


async def test_a_recorded_call_keeps_what_its_tokens_were_and_where_its_price_is_from(house):
    _, _, lease = await started(house)
    kinds = {"cached_input_tokens": 4, "reasoning_tokens": 2, "price_version": "spec"}
    made = make.call(lease, **kinds, estimated=True)
    assert await house.gateway.record_call(made)
    assert await recalled(house, lease) == made


async def test_a_gateway_of_before_money_still_records_its_calls(house, ledger_server):
    _, _, lease = await started(house)
    values = [getattr(make.call(lease), field.name) for field in dataclasses.fields(CallRecord)][
        :18
    ]
    con = await asyncpg.connect(ledger_server.gateway_url)
    marks = ", ".join(f"${n}" for n in range(1, 19))
    assert await con.fetchval(f"SELECT headrace.record_call({marks})", *values)
    await con.close()
    assert (await recalled(house, lease)).price_version is None


async def test_a_call_under_a_stale_fence_is_spend_only(house):
    _, item, lease = await started(house)
    assert not await house.gateway.record_call(make.call(lease, fence=lease.fence + 1))
    assert await recalled(house, lease) is None
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.input_tokens, run.output_tokens, run.cost, run.currency) == (
        10,
        3,
        Decimal("0.0000042"),
        "USD",
    )


async def test_a_failed_call_is_never_given_again(house):
    _, _, lease = await started(house)
    assert await house.gateway.record_call(make.call(lease, status=500))
    assert await recalled(house, lease) is None
    assert await house.gateway.record_call(make.call(lease))
    assert await recalled(house, lease) is not None


async def test_the_same_call_recorded_twice_is_paid_once(house):
    _, item, lease = await started(house)
    made = make.call(lease)
    for _ in range(2):
        assert await house.gateway.record_call(made)
    assert (await house.gateway.run(house.tenant, item.id)).input_tokens == 10


async def test_equal_calls_that_two_gateways_number_alike_are_both_paid_and_both_kept(house):
    _, item, lease = await started(house)
    for said in (b"1", b"2", b"3"):
        assert await house.gateway.record_call(make.call(lease, response=said))
    assert (await house.gateway.run(house.tenant, item.id)).input_tokens == 30
    kept = [await recalled(house, lease, idx=n) for n in range(4)]
    assert [record and record.response for record in kept] == [b"1", b"2", b"3", None]


async def test_a_call_that_nobody_may_get_again_is_paid_once_too(house):
    _, item, lease = await started(house)
    made = make.call(lease, fence=lease.fence + 1)
    for _ in range(2):
        assert not await house.gateway.record_call(made)
    assert (await house.gateway.run(house.tenant, item.id)).input_tokens == 10


async def test_costs_of_two_currencies_do_not_add_up(house):
    _, item, lease = await started(house)
    await house.gateway.record_call(make.call(lease))
    await house.gateway.record_call(make.call(lease, idx=1, currency="EUR"))
    run = await house.gateway.run(house.tenant, item.id)
    assert (run.input_tokens, run.cost, run.currency) == (20, None, None)


async def test_a_recorded_call_is_progress_so_parks_count_anew(house, admin):
    row, item, lease = await started(house)
    for n in range(4):
        assert await house.gateway.record_call(make.call(lease, idx=n))
        await house.gateway.park(make.mark(lease, 600.0))
        await house.gateway.complete([make.completion(lease)])
        assert await house.states(item) == {"only": "parked"}
        await admin.execute("UPDATE headrace.tasks SET ready_at = now() WHERE id = $1", lease.task)
        await house.gateway.sweep()
        lease = await house.lease(row)


async def test_providers_are_shared_and_written_by_the_operator(house):
    name = make.fresh("provider")
    row = ProviderRow(name, "uid-1", '{"endpoint": "http://x"}', "sha256:1")
    await house.operator.put_provider(row)
    assert await house.gateway.provider(name) == row
    changed = dataclasses.replace(row, spec="{}", digest="sha256:2")
    await house.operator.put_provider(changed)
    assert changed in await house.gateway.providers()
    await house.operator.delete_provider(name, "another uid")
    assert await house.gateway.provider(name) == changed
    await house.operator.delete_provider(name, "uid-1")
    assert await house.gateway.provider(name) is None
