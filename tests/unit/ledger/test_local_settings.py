"""Nothing that Python says to PostgreSQL, and no migration, sets a tenant beyond a transaction."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from headrace_ledger import client
from headrace_ledger.migrate import migrations

ROOT = Path(__file__).parents[3]
MODULES = sorted(ROOT.glob("*/src/headrace_*/**/*.py"))
# A statement of its own, so that neither `UPDATE t SET` nor `CREATE FUNCTION f SET` is one; in
# capitals, as all our SQL is, so that no sentence is one either.
_SET = re.compile(r"(?:^|;)\s*SET\s+(?!\s|LOCAL\b)")
_CONFIG = re.compile(r"\bset_config\b", re.IGNORECASE)
_TENANT = re.compile(r"\bSET\s+(?:SESSION\s+)?headrace\.", re.IGNORECASE)


def outlasting(sql: str) -> bool:
    """Say whether a text sets something for longer than its transaction, or could."""
    said = re.sub(r"--[^\n]*", "", sql)
    return any(pattern.search(said) for pattern in (_SET, _CONFIG, _TENANT))


def texts(source: str) -> list[str]:
    """Return every text of a module but its docstrings; `{}` stands for what is filled in."""
    tree = ast.parse(source)
    inside = {id(part) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in n.values}
    bare = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [node.value] if id(node) not in inside | bare else []
    return found


SAID = {
    "a role for one transaction": ("SET LOCAL ROLE x", False),
    "an update": ("UPDATE t\nSET a = 1", False),
    "a function's own setting": ("CREATE FUNCTION f() SET search_path = x", False),
    "a sentence": ("set {}LEDGER_URL or {}LEDGER_URL_FILE", False),
    "a comment": ("SELECT 1 -- set_config('a.b', 'x', false)", False),
    "a tenant for a session": ("SELECT set_config('headrace.tenant', $1, false)", True),
    "a tenant that a parameter may keep": ("SELECT set_config('headrace.tenant', $1, $2)", True),
    "a setting": ("SET headrace.tenant = 'x'", True),
    "a setting after another statement": ("SELECT 1; set headrace.tenant to 'x'", True),
    "a setting of a session": ("SET SESSION a.b = 'x'", True),
    "a role": ("RESET ROLE; SET ROLE {}", True),
    "a login that comes with a tenant": ("ALTER ROLE x SET headrace.tenant = 'y'", True),
}


@pytest.mark.parametrize(("sql", "wrong"), SAID.values(), ids=SAID)
def test_is_found_to_outlast_its_transaction(sql, wrong):
    assert outlasting(sql) is wrong
    assert [outlasting(text) for text in texts(f"x = {sql!r}")] == [wrong]


def test_a_text_that_is_put_together_is_read_whole():
    assert texts("'''Doc.'''\nx = f'SET {name} = 1'") == ["SET {} = 1"]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_sets_anything_for_longer_than_a_transaction(path):
    assert [text for text in texts(path.read_text()) if outlasting(text)] == []


@pytest.mark.parametrize("script", migrations(), ids=lambda s: f"{s.number:04}")
def test_no_migration_sets_anything_for_longer_than_a_transaction(script):
    assert not outlasting(script.sql)


def test_no_connection_comes_with_a_tenant():
    assert not [name for name in client._SETTINGS if name.startswith("headrace.")]
