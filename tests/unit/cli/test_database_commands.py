"""Addresses with passwords come from the environment, are checked, and are never repeated."""

from __future__ import annotations

import pytest

from headrace_cli.errors import GivenError
from headrace_cli.eval_db import passwords_from
from headrace_cli.migrate import urls_from

GOOD = {
    "HEADRACE_LEDGER_URL": "postgresql://headrace_owner_login:o-1@db:5432/headrace",
    "HEADRACE_LEDGER_GATEWAY_URL": "postgresql://headrace_gateway_login:g_2@db:5432/headrace",
    "HEADRACE_LEDGER_OPERATOR_URL": "postgresql://headrace_operator_login:p3@db:5432/headrace",
}
WRONG = {
    "no owner": {"HEADRACE_LEDGER_URL": ""},
    "no operator": {"HEADRACE_LEDGER_OPERATOR_URL": ""},
    "another login": {"HEADRACE_LEDGER_URL": "postgresql://postgres:sesame@db/headrace"},
    "another database": {"HEADRACE_LEDGER_URL": "postgresql://headrace_owner_login:sesame@db/x"},
    "no password": {"HEADRACE_LEDGER_URL": "postgresql://headrace_owner_login@db/headrace"},
    "a password with odd characters": {
        "HEADRACE_LEDGER_URL": "postgresql://headrace_owner_login:sesame%40@db/headrace"
    },
}


def test_passwords_are_taken_from_the_addresses():
    assert passwords_from(GOOD) == {"owner": "o-1", "gateway": "g_2", "operator": "p3"}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(change):
    with pytest.raises(GivenError, match="HEADRACE_LEDGER") as caught:
        passwords_from({**GOOD, **change})
    assert "sesame" not in str(caught.value)


def test_migrations_need_the_owner_and_may_name_the_logins():
    owner, logins = urls_from({"HEADRACE_LEDGER_URL": "postgresql://o@h/d"})
    assert (owner, logins) == ("postgresql://o@h/d", {})
    assert set(urls_from(GOOD)[1]) == {"gateway", "operator"}
    with pytest.raises(GivenError, match="HEADRACE_LEDGER_URL"):
        urls_from({})
