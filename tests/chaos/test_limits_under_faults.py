"""
Limits hold while workers, gateways and PostgreSQL are killed with -9 under them.

It needs no cluster: the programs of the images run as processes on this machine, with real times.
Heal, drain, and then check I1, I2, I5 and I6 of the promises, from the journals of the load client,
of the mock model and of the ledger.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter

import pytest

from chaos_faults import Faults, schedule
from chaos_invariants import (
    calls_of,
    leaks,
    lost_runs,
    most_at_once,
    most_in_window,
    over_limit,
    overshoot,
    paid_twice,
    recorded_twice,
)
from chaos_journal import entries_of, limits_of, most_used
from chaos_load import Load
from chaos_stack import House, serving_stack

pytestmark = pytest.mark.postgres

RUNS = int(os.environ.get("CHAOS_RUNS", "10000"))
SEED = int(os.environ.get("CHAOS_SEED", "4"))
RATE = 60.0
FAULTS = {"worker": 8, "gateway": 4, "postgres": 4}
PATIENCE = 900.0
QUIET = 75.0  # a killed gateway's reservations go after 30 s, or 60 s where PostgreSQL was away

AT_ONCE, PER_MINUTE = 56, 5200
BUSY = House(
    "busy",
    workers=4,
    slots=14,
    limits=(
        {"name": "rpm", "resource": "requests", "limit": 5000, "window": "1m"},
        {"name": "tpm", "resource": "tokens", "limit": 90000, "window": "1m"},
        {"name": "at-once", "resource": "llmCalls", "limit": 48, "window": "None"},
    ),
)
SLOW = House(
    "slow",
    workers=1,
    slots=8,
    limits=({"name": "rpm", "resource": "requests", "limit": 300, "window": "1m"},),
)
THRIFTY = House(
    "thrifty",
    workers=1,
    slots=8,
    budgets=({"name": "day", "amount": f"{RUNS * 4e-6:.4f}", "window": "1d", "onHard": "Reject"},),
)
HOUSES = [BUSY, SLOW, THRIFTY]
SHARES = {BUSY: 0.90, SLOW: 0.04, THRIFTY: 0.06}
PROVIDER = {
    "limits": [
        {"name": "contract", "resource": "requests", "limit": PER_MINUTE, "window": "1m"},
        {"name": "at-once", "resource": "llmCalls", "limit": AT_ONCE, "window": "None"},
    ]
}


async def test_no_run_is_lost_none_paid_twice_and_no_limit_exceeded_under_kill_9(tmp_path):
    async with serving_stack(tmp_path, PROVIDER, HOUSES) as stack:
        load, faults = Load(stack.doors, stack.keys), Faults(stack, SEED)
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run(wishes(), RATE))
            group.create_task(faults.run(schedule(SEED, FAULTS, RUNS / RATE)))
        await until_drained(stack)
        held = await until_quiet(stack)
        async with stack.admin() as connection:
            lost = await lost_runs(connection, load.journal)
            twice = await recorded_twice(connection)
            limits, entries = await limits_of(connection), await entries_of(connection)
            used = await most_used(connection)
            seen = dict(await connection.fetchrow(SEEN))
            failed = await connection.fetch(FAILED)
        calls = calls_of(stack.journal)
        recoveries = stack.postgres.said().count("automatic recovery in progress")
    seen["faults"] = [f"{fault.name} {fault.began:.1f}" for fault in faults.fired]
    tell(load.journal, calls, seen, failed, {limit: used[limit.id] for limit in limits})

    # The faults were real, and the limits in the way.
    assert Counter(fault.kind for fault in faults.fired) == FAULTS
    assert recoveries == FAULTS["postgres"]
    assert seen["lost_leases"] > 0
    assert seen["settled_by_the_sweep"] > 0
    assert seen["parked"] > 0
    assert failed

    # I1
    assert len(load.journal.attempted) == RUNS
    assert lost == []
    assert {(row["tenant"], row["over_budget"]) for row in failed} == {("thrifty", True)}

    # I2
    assert twice == []
    assert paid_twice(calls, entries, [*faults.of("worker"), *faults.of("gateway")]) == []

    # I5
    assert seen["settled_at_nothing"] == 0
    assert [wrong for limit in limits for wrong in over_limit(limit, entries)] == []
    for limit in limits:
        assert used[limit.id] <= limit.capacity, limit
        if limit.resource in ("tokens", "cost"):
            over, missed = overshoot(limit, entries)
            assert over <= (missed if limit.resource == "tokens" else 0), limit
    assert most_at_once(calls) <= AT_ONCE
    assert most_in_window(calls, 60.0) <= PER_MINUTE

    # I6
    assert held == {}


SEEN = """
SELECT (SELECT sum(losses) FROM headrace.tasks) AS lost_leases,
       (SELECT count(*) FROM headrace.events WHERE type = 'step.parked') AS parked,
       (SELECT count(*) FROM headrace.calls WHERE status = 0) AS settled_by_the_sweep,
       (SELECT count(*) FROM headrace.calls
        WHERE input_tokens = 0 OR (status IN (0, 200) AND output_tokens = 0)) AS settled_at_nothing
"""
FAILED = """
SELECT tenant, id, message, message LIKE '%budget ''day''%' AS over_budget FROM headrace.runs
WHERE status <> 'Succeeded'
"""


def tell(submits, calls, seen, failed, used):
    """Print what a run saw, for people."""
    steps = len({(call.run, call.step) for call in calls})
    told = {
        "submits": submits.tries,
        "acknowledged": len(submits.acknowledged),
        "unknown": len(submits.unknown),
        "failed": len(failed),
        "calls": len(calls),
        "calls beyond one a step": len(calls) - steps,
        "at once": most_at_once(calls),
        **seen,
        **{f"{each.owner} {each.name}": f"{n}/{each.capacity}" for each, n in used.items()},
    }
    sys.stdout.write("".join(f"\n{name}: {value}" for name, value in told.items()) + "\n")


def wishes():
    """Return what is submitted, the tenants' runs evenly mixed."""
    due = []
    for house, share in SHARES.items():
        count = round(RUNS * share)
        due += [((n + 0.5) / count, house.tenant, house.path) for n in range(count)]
    return [(tenant, path) for _, tenant, path in sorted(due)]


async def until_drained(stack):
    """Wait until every run is over."""
    sql = "SELECT count(*) FROM headrace.runs WHERE phase < 2"
    async with stack.admin() as connection:
        end = time.monotonic() + PATIENCE
        while left := await connection.fetchval(sql):
            assert time.monotonic() < end, f"{left} runs are not over"
            await asyncio.sleep(1)


async def until_quiet(stack):
    """Wait until nothing is held any more; return what is held all the same."""
    async with stack.admin() as connection:
        end = time.monotonic() + QUIET
        while (held := await leaks(connection)) and time.monotonic() < end:  # noqa: ASYNC110 -- rows ring no bell
            await asyncio.sleep(1)
    return held
