from __future__ import annotations

import asyncpg
import pytest

from headrace_ledger import errors
from headrace_ledger.errors import LedgerError, ledger_errors, of_sqlstate

CONTENT = "Key (id)=(secret content) already exists"

CLASSES = {
    "a unique key": ("23505", errors.InvalidItemError),
    "too long for an index": ("54000", errors.InvalidItemError),
    "deadlock": ("40P01", errors.LedgerBusyError),
    "lock_timeout": ("55P03", errors.LedgerBusyError),
    "statement_timeout": ("57014", errors.LedgerBusyError),
    "killed": ("57P01", errors.LedgerUnavailableError),
    "too many connections": ("53300", errors.LedgerUnavailableError),
    "a standby": ("25006", errors.LedgerUnavailableError),
    "no function": ("42883", errors.SchemaTooOldError),
    "no right": ("42501", errors.LedgerFaultError),
    "something new": ("ZZ999", errors.LedgerFaultError),
}


@pytest.mark.parametrize(("state", "want"), CLASSES.values(), ids=CLASSES)
def test_of_sqlstate(state, want):
    assert of_sqlstate(state) is want


def every_error_of_the_driver():
    found = [asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError]
    for kind in found:
        found += [k for k in kind.__subclasses__() if k not in found]
    return [*found, ConnectionResetError, OSError, TimeoutError]


@pytest.mark.parametrize("kind", every_error_of_the_driver(), ids=lambda k: k.__name__)
def test_no_error_of_the_driver_gets_out(kind):
    with pytest.raises(LedgerError), ledger_errors():
        raise kind(CONTENT)


def test_the_text_of_an_error_carries_no_content():
    with pytest.raises(LedgerError) as caught, ledger_errors():
        raise asyncpg.UniqueViolationError(CONTENT)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
