"""What keeps tenants apart in the catalogue, beyond policies: settings, keys, views, definers."""

from __future__ import annotations

import re

import pytest

from headrace_ledger.migrate import DEFINERS

pytestmark = pytest.mark.postgres

_COMMENT = re.compile(r"--[^\n]*")
_CONFIG = re.compile(r"\bset_config\s*\((?P<arguments>[^()]*)\)", re.IGNORECASE)
_STATEMENT = re.compile(
    r"(?:^|;|\bBEGIN|\bTHEN|\bELSE|\bLOOP)\s*(?:RE)?SET\s+(?!LOCAL\b)", re.IGNORECASE
)
_DYNAMIC = re.compile(r"\bEXECUTE\b", re.IGNORECASE)


def outlasting(body: str) -> list[str]:
    """Return what a body sets for longer than its transaction, or in a way that cannot be read."""
    said = _COMMENT.sub("", body)
    calls = list(_CONFIG.finditer(said))
    wrong = [f.group() for f in calls if f["arguments"].split(",")[-1].strip().lower() != "true"]
    # A call whose arguments hold brackets is not read above, so it may not be there at all.
    unread = len(re.findall(r"\bset_config\b", said, re.IGNORECASE)) - len(calls)
    return [*wrong, *_STATEMENT.findall(said), *["set_config"] * unread]


BODIES = {
    "a tenant for one transaction": ("BEGIN PERFORM set_config('a.b', p_t[k], true);", False),
    "a local setting": ("BEGIN SET LOCAL a.b = 'x'; END", False),
    "an update": ("BEGIN UPDATE t SET a = 1; END", False),
    "words in a comment": ("-- set_config('a.b', p_t, false)\nSELECT 1", False),
    "a tenant for a session": ("BEGIN PERFORM set_config('a.b', p_t, false);", True),
    "a tenant for who knows how long": ("PERFORM set_config('a.b', p_t, p_local);", True),
    "a setting": ("BEGIN SET a.b = 'x'; END", True),
    "a setting that ends": ("BEGIN PERFORM f(); RESET a.b; END", True),
    "a setting in a branch": ("IF x THEN\n  SET SESSION a.b = 'x'; END IF", True),
    "a call that cannot be read": ("PERFORM set_config('a.b', lower(p_t), true);", True),
}


@pytest.mark.parametrize(("body", "wrong"), BODIES.values(), ids=BODIES)
def test_is_found_to_outlast_its_transaction(body, wrong):
    assert bool(outlasting(body)) == wrong


async def test_no_function_sets_anything_for_longer_than_its_transaction(admin):
    rows = await admin.fetch("""
        SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'headrace'::regnamespace""")
    assert sum("set_config" in r["prosrc"] for r in rows) > 10
    assert {r["proname"]: found for r in rows if (found := outlasting(r["prosrc"]))} == {}


async def test_no_function_role_or_database_comes_with_a_tenant(admin):
    functions = await admin.fetch("""
        SELECT proname AS name, proconfig AS config FROM pg_proc
        WHERE pronamespace = 'headrace'::regnamespace""")
    roles = await admin.fetch(
        "SELECT setrole::text AS name, setconfig AS config FROM pg_db_role_setting"
    )
    for row in (*functions, *roles):
        named = [one for one in row["config"] or () if one.startswith("headrace.")]
        assert named == [], row["name"]


async def test_foreign_keys_point_to_a_key_that_begins_with_the_tenant(admin):
    rows = await admin.fetch("""
        SELECT k.conname AS name, a.attname AS first, cardinality(k.conkey) AS columns
        FROM pg_constraint k
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]
        WHERE k.connamespace = 'headrace'::regnamespace AND k.contype = 'f'""")
    assert len(rows) >= 3
    assert {r["name"] for r in rows if r["first"] != "tenant"} == set()


async def test_nothing_but_a_unique_index_excludes_rows(admin):
    """An exclusion constraint is a unique key by another name, and would be missed."""
    rows = await admin.fetch("""
        SELECT conname FROM pg_constraint
        WHERE connamespace = 'headrace'::regnamespace AND contype = 'x'""")
    assert rows == []


async def test_there_is_no_view_and_no_rule_through_which_to_look(admin):
    views = await admin.fetch("""
        SELECT relname FROM pg_class
        WHERE relnamespace = 'headrace'::regnamespace AND relkind IN ('v', 'm', 'f')""")
    rules = await admin.fetch("SELECT rulename FROM pg_rules WHERE schemaname = 'headrace'")
    triggers = await admin.fetch("""
        SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'headrace'::regnamespace AND NOT t.tgisinternal""")
    assert [*views, *rules, *triggers] == []


GATEWAYS = {
    "api_key_by_prefix",
    "claim_deliveries",
    "learn_limits",
    "lease_of_key",
    "shares",
    "sweep",
    "workers_limited",
}
OPERATORS = {"month_costs", "pipeline_uids"}


async def test_who_looks_across_tenants_does_so_by_what_is_granted(admin):
    rows = await admin.fetch("""
        SELECT proname AS name, r.rolname AS role
        FROM pg_proc p, aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
        WHERE p.pronamespace = 'headrace'::regnamespace AND p.prosecdef
          AND a.privilege_type = 'EXECUTE' AND r.rolname <> 'headrace_definer'""")
    gateway = {r["name"] for r in rows if r["role"] == "headrace_gateway"}
    operator = {r["name"] for r in rows if r["role"] == "headrace_operator"}
    assert {r["role"] for r in rows} == {"headrace_gateway", "headrace_operator"}
    assert (gateway, operator) == (DEFINERS - OPERATORS, DEFINERS - GATEWAYS)


async def test_a_definer_runs_no_text_that_was_put_together(admin):
    rows = await admin.fetch("""
        SELECT proname, prosrc FROM pg_proc
        WHERE pronamespace = 'headrace'::regnamespace AND prosecdef""")
    assert len(rows) == len(DEFINERS)
    assert [r["proname"] for r in rows if _DYNAMIC.search(_COMMENT.sub("", r["prosrc"]))] == []
