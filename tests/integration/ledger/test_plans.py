"""No verb reads rows that it does not name, however deep the backlog or old the statistics."""

from __future__ import annotations

import json

import asyncpg
import pytest

import ledger_rows as make

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
COMPLETE = "SELECT * FROM headrace.complete($1, $2, $3, $4, $5, $6, $7, $8)"
ANALYZE = "ANALYZE headrace.tasks, headrace.runs, headrace.inputs"
BEAT = "SELECT * FROM headrace.heartbeat($1, $2, $3)"


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
            known = node.get("Relation Name") in {"tasks", "runs", "inputs"}
            if known and node["Node Type"] != "ModifyTable":
                yield node


FEW = 40  # a thousandth of the backlog: usually four, at times a few more


@pytest.mark.parametrize(
    "analyzed", [False, True], ids=["statistics from before", "fresh statistics"]
)
async def test_a_deep_backlog_is_not_read(house, admin, ledger_server, analyzed):
    row = await house.pipeline()
    pool = await house.pool(row)
    await house.submit(row)
    await admin.execute(ANALYZE)  # here and not whenever autovacuum comes by
    for _ in range(BACKLOG // 500):
        await house.gateway.accept([make.submit(row) for _ in range(500)])
    if analyzed:
        await admin.execute(ANALYZE)
    heard: list[str] = []
    con = await asyncpg.connect(ledger_server.admin_url)
    await con.execute(EXPLAIN)
    con.add_log_listener(lambda _, message: heard.append(message.message))
    tenant, key = [house.tenant], [make.key()]
    [lease] = await con.fetch(CLAIM, tenant, [pool], ["w/1"], [1], [1], [""], key)
    task, fence = [lease["task"]], [lease["fence"]]
    await con.fetch(BEAT, tenant, task, fence)
    done = await con.fetch(COMPLETE, tenant, task, fence, ["w/2"], ["1"], [False], [None], [""])
    await con.close()
    assert done[0]["outcome"] == "Done"
    read = list(scans(heard))
    assert len(read) > 8
    for node in read:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        assert node["Node Type"].startswith("Index"), node
        assert rows * node["Actual Loops"] <= FEW, node
    # asyncpg looks up types in the catalogue on a new connection; those plans are not ours
    ours = [m for m in heard if "pg_catalog" not in m]
    sorts = [n for m in ours for n in _plan(m) if n["Node Type"] == "Sort"]
    assert [n for n in sorts if n["Actual Rows"] > 4] == []
