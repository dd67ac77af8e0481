"""The SQL files: numbered without a gap, one function each, named by its verb."""

from __future__ import annotations

import re

import pytest

from headrace_ledger.migrate import DEFINERS, SCHEMA_VERSION, functions, login_of, migrations


def test_migrations_are_numbered_from_one_without_a_gap():
    assert [m.number for m in migrations()] == list(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("script", functions(), ids=lambda s: s.name)
def test_a_file_holds_the_one_function_of_its_name(script):
    made = re.findall(r"CREATE OR REPLACE FUNCTION headrace\.(\w+)", script.sql)
    assert made == [script.name]
    assert ("SECURITY DEFINER" in script.sql) == (script.name in DEFINERS)


def test_the_login_of_a_url_is_unquoted():
    assert login_of("postgresql://a%40b:secret@db/headrace") == "a@b"
