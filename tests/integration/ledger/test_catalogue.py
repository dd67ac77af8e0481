"""What must be true of every table and function, read from PostgreSQL's own catalogue."""

from __future__ import annotations

import asyncio
import dataclasses

import asyncpg
import pytest

import ledger_rows as make
from headrace_ledger.migrate import DEFINERS, functions, migrate

pytestmark = pytest.mark.postgres

WITHOUT_TENANT = {"schema_versions"}


async def test_row_level_security_is_enabled_and_forced_on_every_table(admin):
    rows = await admin.fetch("""
        SELECT relname, relrowsecurity AND relforcerowsecurity AS forced,
               pg_get_userbyid(relowner) AS owner
        FROM pg_class
        WHERE relnamespace = 'headrace'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')""")
    assert len(rows) > 10
    assert {r["relname"] for r in rows if not r["forced"]} == WITHOUT_TENANT
    assert {r["owner"] for r in rows} == {"headrace_owner"}


async def test_every_policy_reads_the_tenant_once_or_is_for_the_definer_to_read(admin):
    rows = await admin.fetch("SELECT * FROM pg_policies WHERE schemaname = 'headrace'")
    for row in rows:
        if row["policyname"] == "across_tenants":
            assert (row["roles"], row["cmd"]) == (["headrace_definer"], "SELECT")
        else:
            setting = "current_setting('headrace.tenant'::text, true)"
            want = f"(tenant = ( SELECT {setting} AS current_setting))"
            assert (row["policyname"], row["qual"], row["with_check"]) == ("own_tenant", want, want)


async def test_unique_and_foreign_keys_begin_with_the_tenant(admin):
    uniques = await admin.fetch("""
        SELECT i.indexrelid::regclass::text AS name, a.attname AS first
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = 1
        WHERE c.relnamespace = 'headrace'::regnamespace AND i.indisunique""")
    foreign = await admin.fetch("""
        SELECT k.conname AS name, a.attname AS first FROM pg_constraint k
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.connamespace = 'headrace'::regnamespace AND k.contype = 'f'""")
    wrong = {r["name"] for r in [*uniques, *foreign] if r["first"] != "tenant"}
    assert wrong == {"headrace.schema_versions_pkey"}
    assert len(foreign) >= 3


async def test_no_role_of_ours_is_superuser_or_bypasses_row_level_security(admin):
    rows = await admin.fetch("SELECT * FROM pg_roles WHERE rolname LIKE 'headrace%'")
    assert {r["rolname"] for r in rows} >= {
        "headrace_owner",
        "headrace_definer",
        "headrace_gateway",
        "headrace_operator",
    }
    assert not [r["rolname"] for r in rows if r["rolsuper"] or r["rolbypassrls"]]
    assert {r["rolname"] for r in rows if r["rolcanlogin"]} == {
        "headrace_owner_login",
        "headrace_gateway_login",
        "headrace_operator_login",
    }


async def test_the_definer_functions_are_the_ones_on_the_list_and_owned_by_the_definer(admin):
    rows = await admin.fetch("""
        SELECT proname, prosecdef, pg_get_userbyid(proowner) AS owner, proconfig,
               provolatile, prosqlbody IS NULL AS text
        FROM pg_proc WHERE pronamespace = 'headrace'::regnamespace""")
    assert {r["proname"] for r in rows if r["prosecdef"]} == DEFINERS
    assert {r["proname"] for r in rows if r["owner"] == "headrace_definer"} == DEFINERS
    assert {r["proname"] for r in rows} == {f.name for f in functions()}
    # A body that was bound to its objects when it was made has no names left to look up.
    loose = [
        r["proname"]
        for r in rows
        if r["text"] and "search_path=headrace, pg_temp" not in (r["proconfig"] or [])
    ]
    assert loose == []


async def test_the_definer_writes_nothing_without_a_tenant(admin):
    await admin.execute("SET ROLE headrace_definer")
    for statement in (
        "UPDATE headrace.tasks SET state = 'dead'",
        "DELETE FROM headrace.runs",
        "DELETE FROM headrace.pipelines",
    ):
        assert (await admin.execute(statement)).split()[-1] == "0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await admin.execute("DELETE FROM headrace.tenants")


async def test_nobody_may_call_a_function_that_was_not_granted(admin):
    rows = await admin.fetch("""
        SELECT proname
        FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
        WHERE pronamespace = 'headrace'::regnamespace AND a.grantee = 0""")
    assert [r["proname"] for r in rows] == []


NOT_THEIRS = {
    "the gateway writes no configuration": ("gateway", "DELETE FROM headrace.pipelines"),
    "the gateway claims no namespaces": (
        "gateway",
        "INSERT INTO headrace.namespaces VALUES ('a', 'b')",
    ),
    "the gateway deletes no runs": ("gateway", "DELETE FROM headrace.runs"),
    "the gateway is not the owner": ("gateway", "SET ROLE headrace_owner"),
    "the gateway is not the definer": ("gateway", "SET ROLE headrace_definer"),
    "the operator reads no inputs": ("operator", "SELECT * FROM headrace.inputs"),
    "the operator reads no outputs": ("operator", "SELECT * FROM headrace.outputs"),
    "the operator reads no model answers": ("operator", "SELECT * FROM headrace.calls"),
    "the operator reads no keys": ("operator", "SELECT * FROM headrace.api_keys"),
    "the operator does not sweep": ("operator", "SELECT headrace.sweep(false)"),
}


@pytest.mark.parametrize(("role", "statement"), NOT_THEIRS.values(), ids=NOT_THEIRS)
async def test_rights_end_where_the_work_ends(ledger_server, role, statement):
    con = await asyncpg.connect(ledger_server.url(role))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await con.execute(statement)
    await con.close()


async def test_with_no_tenant_set_nobody_sees_a_row(ledger_server, house):
    row = await house.pipeline()
    await house.submit(row)
    for role in ("gateway", "operator", "owner"):
        con = await asyncpg.connect(ledger_server.url(role))
        if role == "owner":
            await con.execute("SET ROLE headrace_owner")
        for table in ("tenants", "pipelines", "runs", "tasks", "events", "pool_counts"):
            assert await con.fetch(f"SELECT * FROM headrace.{table}") == [], (role, table)
        await con.close()


async def test_a_tenant_sees_and_touches_its_own_rows_only(ledger_server, house, operator):
    other = make.fresh("tenant")
    await operator.put_tenant(make.tenant(other))
    await house.submit(await house.pipeline())
    con = await asyncpg.connect(ledger_server.gateway_url)
    async with con.transaction():
        await con.execute("SELECT set_config('headrace.tenant', $1, true)", other)
        assert await con.fetch("SELECT * FROM headrace.runs WHERE tenant = $1", house.tenant) == []
        assert await con.execute("UPDATE headrace.tasks SET state = 'dead'") == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):  # noqa: PT012 -- the tenant is set for one transaction
        async with con.transaction():
            await con.execute("SELECT set_config('headrace.tenant', $1, true)", other)
            await con.execute(
                "INSERT INTO headrace.events (tenant, run, seq, type) VALUES ($1, $2, 99, 'x')",
                house.tenant,
                make.uuid7(),
            )
    assert await con.fetchval("SELECT current_setting('headrace.tenant', true)") in (None, "")
    await con.close()


async def _claim(gateway, tenant, lease):
    [leases] = await gateway.claim([make.wish(tenant, lease.pool_id)])
    return leases


FOREIGN = {
    "run": lambda g, t, x: g.run(t, x.run),
    "events": lambda g, t, x: g.events(t, x.run, after=0, limit=9),
    "cancel": lambda g, t, x: g.cancel(t, x.run),
    "park": lambda g, t, x: g.park(dataclasses.replace(make.mark(x), tenant=t)),
    "claim of its pool": _claim,
    "version": lambda g, t, x: g.version(t, x.digest),
}


@pytest.mark.parametrize("verb", FOREIGN.values(), ids=FOREIGN)
async def test_absent_and_not_yours_are_the_same(house, operator, verb):
    other = make.fresh("tenant")
    await operator.put_tenant(make.tenant(other))
    row = await house.pipeline()
    [await house.submit(row) for _ in range(2)]
    lease = await house.lease(row)
    assert not await verb(house.gateway, other, lease)


async def test_another_tenants_fence_is_stale(house):
    row = await house.pipeline()
    await house.submit(row)
    lease = await house.lease(row)
    foreign = dataclasses.replace(lease, tenant=make.fresh("tenant"))
    [done] = await house.gateway.complete([make.completion(foreign)])
    [failed] = await house.gateway.fail([make.failure(foreign)])
    assert (done.outcome, failed.outcome) == ("Stale", "Stale")


async def test_a_second_migration_does_nothing_and_concurrent_ones_wait(ledger_server):
    done = await asyncio.gather(*(migrate(ledger_server.owner_url) for _ in range(3)))
    assert done == [False, False, False]
