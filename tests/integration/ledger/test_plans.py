"""No verb reads rows that it does not name, however deep the backlog or old the statistics."""

from __future__ import annotations

import dataclasses
import json

import asyncpg
import pytest

import ledger_rows as make
from headrace_ledger.declared import LimitRow
from headrace_ledger.embedded import EmbeddedLedger

pytestmark = pytest.mark.postgres

BACKLOG = 40_000
EXPLAIN = """
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
SET auto_explain.log_format = json;
SET client_min_messages = log;
SET ROLE headrace_gateway;
"""
CLAIM = "SELECT * FROM headrace.claim($1, $2, $3, $4, $5, $6, $7)"
COMPLETE = "SELECT * FROM headrace.complete($1, $2, $3, $4, $5, $6, $7, $8, $9)"
TABLES = ("tasks", "runs", "inputs")
ANALYZE = f"ANALYZE {', '.join(f'headrace.{table}' for table in TABLES)}"
FAIL = "SELECT * FROM headrace.fail($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
BEAT = "SELECT * FROM headrace.heartbeat($1, $2, $3, $4)"


def nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def _plan(message):
    return nodes(json.loads(message.split("plan:\n", 1)[1])["Plan"])


def scans(messages):
    """Every node that reads our tables, in every statement inside the verb."""
    for message in messages:
        for node in _plan(message):
            known = node.get("Relation Name") in TABLES
            if known and node["Node Type"] != "ModifyTable":
                yield node


FEW = 40  # a thousandth of the backlog: usually four, at times a few more
KNOWN = {
    "nothing known": (False, False),
    "statistics from before": (True, False),
    "fresh statistics": (True, True),
}


@pytest.fixture
def ledger_server():
    """Give a server of its own, where nobody else's rows and no autovacuum choose the plans."""
    with EmbeddedLedger() as server:
        yield server


async def small_tenants(house):
    """Many tenants with a run each, from which ANALYZE could learn that tenants are small."""
    for _ in range(30):
        name = make.fresh("tenant")
        await house.operator.put_tenant(make.tenant(name))
        small = dataclasses.replace(house, tenant=name)
        await small.submit(await small.pipeline())


async def run_one(con, house, pool):
    """Claim, beat, fail, claim again and complete one step, and look at its run."""
    tenant, key = [house.tenant], [make.key()]
    [lease] = await con.fetch(CLAIM, tenant, [pool], ["w/1"], [1], [1], [""], key)
    task, fence = [lease["task"]], [lease["fence"]]
    mine = [await con.fetchval("SELECT pipeline FROM headrace.pools WHERE id = $1", pool)]
    await con.fetch(BEAT, tenant, task, fence, mine)
    why = (["Retry"], ["x"], ["y"], [0], [0])
    failed = await con.fetch(FAIL, tenant, task, fence, ["w/f"], *why, mine)
    assert failed[0]["outcome"] == "Retry"
    [lease] = await con.fetch(CLAIM, tenant, [pool], ["w/3"], [1], [1], [""], [make.key()])
    task, fence = [lease["task"]], [lease["fence"]]
    done = await con.fetch(
        COMPLETE, tenant, task, fence, ["w/2"], ["1"], [False], [None], [""], mine
    )
    assert done[0]["outcome"] == "Done"
    for look in ("run($1, $2)", "steps_of($1, $2)", "events($1, $2, 0, 9)", "cancel($1, $2)"):
        assert await con.fetch(f"SELECT * FROM headrace.{look}", house.tenant, lease["run"])


@pytest.mark.parametrize(("before", "after"), KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("planned", ["before", "after"], ids="planned {} the backlog".format)
async def test_a_deep_backlog_is_not_read(house, admin, ledger_server, before, after, planned):
    for table in TABLES:
        await admin.execute(f"ALTER TABLE headrace.{table} SET (autovacuum_enabled = off)")
    await small_tenants(house)
    row = await house.pipeline()
    pool = await house.pool(row)
    con = await asyncpg.connect(ledger_server.admin_url)
    await con.execute(EXPLAIN)
    if before:
        await admin.execute(ANALYZE)
    if planned == "before":
        await house.submit(row)
        await run_one(con, house, pool)
    for _ in range(BACKLOG // 500):
        mixed = [make.submit(row, priority=("Low", "Normal", "High")[n % 3]) for n in range(500)]
        await house.gateway.accept(mixed)
    if after:
        await admin.execute(ANALYZE)
    heard: list[str] = []
    con.add_log_listener(lambda _, message: heard.append(message.message))
    await run_one(con, house, pool)
    await con.close()
    read = list(scans(heard))
    assert len(read) > 8
    assert "tasks_ready" in {node.get("Index Name") for node in read}
    for node in read:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        assert node["Node Type"].startswith("Index"), node
        assert rows * node["Actual Loops"] <= FEW, node
    # asyncpg looks up types in the catalogue on a new connection; those plans are not ours
    ours = [m for m in heard if "pg_catalog" not in m]
    sorts = [n for m in ours for n in _plan(m) if n["Node Type"] == "Sort"]
    assert [n for n in sorts if n["Actual Rows"] > 4] == []


BOUND = {"its pipeline has a limit": (1, None), "its tenant has a limit": (None, 1)}


@pytest.mark.parametrize(("of_pipeline", "of_tenant"), BOUND.values(), ids=BOUND)
async def test_the_next_waiting_run_is_found_without_a_look_at_the_others(
    house, admin, ledger_server, of_pipeline, of_tenant
):
    if of_tenant is not None:
        await house.declare(LimitRow("runs", "runs", "None", of_tenant))
    row = await house.pipeline(max_concurrent_runs=of_pipeline)
    for _ in range(8):
        mixed = [make.submit(row, priority=("Low", "High")[n % 2]) for n in range(500)]
        await house.gateway.accept(mixed)
    await admin.execute(ANALYZE)
    lease = await house.lease(row)
    con = await asyncpg.connect(ledger_server.admin_url)
    await con.execute(EXPLAIN)
    heard: list[str] = []
    con.add_log_listener(lambda _, message: heard.append(message.message))
    assert await con.fetchval("SELECT done FROM headrace.cancel($1, $2)", house.tenant, lease.run)
    await con.close()
    read = list(scans(heard))
    assert "runs_waiting" in {node.get("Index Name") for node in read}
    for node in read:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        assert rows * node["Actual Loops"] <= FEW, node


LISTED = {"all": None, "failed": "Failed", "running": "Running", "cancelled": "Cancelled"}


@pytest.mark.parametrize("status", LISTED.values(), ids=LISTED)
async def test_a_list_of_some_runs_does_not_read_the_others(house, admin, ledger_server, status):
    row = await house.pipeline()
    runs = [make.submit(row) for _ in range(3000)]
    for n in range(0, 3000, 500):
        await house.gateway.accept(runs[n : n + 500])
    ended = [run.id for run in runs[:-2]]
    await admin.execute(
        "UPDATE headrace.runs SET phase = 2, status = 'Succeeded', finished_at = now() "
        "WHERE id = ANY ($1)",
        ended,
    )
    await house.gateway.cancel(house.tenant, runs[-1].id)
    con = await asyncpg.connect(ledger_server.admin_url)
    await con.execute(EXPLAIN)
    heard: list[str] = []
    con.add_log_listener(lambda _, message: heard.append(message.message))
    sql = "SELECT id FROM headrace.runs($1, $2, $3, $4, $5, $6)"
    for before in (None, ended[1500]):
        found = await con.fetch(sql, house.tenant, row.namespace, row.name, status, before, 11)
        assert len(found) == (11 if status is None else status == "Cancelled" and before is None)
    await con.close()
    assert list(scans(heard))
    for node in scans(heard):
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        assert rows * node["Actual Loops"] <= FEW, node
