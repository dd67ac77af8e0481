"""What a sweep counts is of all tenants, so it is counted where nobody else has any."""

from __future__ import annotations

import dataclasses

import pytest

from headrace_ledger.embedded import EmbeddedLedger

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def ledger_server():
    with EmbeddedLedger() as server:
        yield server


async def test_the_sweep_counts_what_it_did(house, admin):
    row = await house.pipeline()
    await house.submit(row)
    lease = await house.lease(row)
    await admin.execute(
        "UPDATE headrace.tasks SET lease_until = now() - interval '1 s' WHERE id = $1", lease.task
    )
    swept = await house.gateway.sweep()
    assert dataclasses.asdict(swept) | {"pool_ids": ()} == {
        "ran": True,
        "expired": 1,
        "timed_out": 0,
        "unparked": 0,
        "deleted_runs": 0,
        "more": False,
        "pool_ids": (),
    }
