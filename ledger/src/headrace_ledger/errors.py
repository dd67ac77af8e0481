"""
Every way that the ledger can refuse, and who must act.

* LedgerError
  + LedgerUnavailableError    the world may catch up; try again
    - LedgerBusyError         it is there, but a lock or a statement took too long
  + SchemaTooOldError         a migration has to run first
  + UnsafeSettingsError       the server would lose what it has acknowledged
  + InvalidItemError          this item cannot be stored, however often it is tried
  + LedgerFaultError          a mistake of ours: a missing right, a broken statement
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Iterator


class LedgerError(Exception):
    """Base of all; its text never carries a row's content."""


class LedgerUnavailableError(LedgerError):
    """The ledger cannot be reached, or does not answer."""


class LedgerBusyError(LedgerUnavailableError):
    """A lock, a statement or a free connection took too long."""


class SchemaTooOldError(LedgerError):
    """The schema is older than this program."""


class UnsafeSettingsError(LedgerError):
    """`fsync` or `synchronous_commit` is off: an acknowledged run could be lost."""


class InvalidItemError(LedgerError):
    """The item itself cannot be stored."""


class LedgerFaultError(LedgerError):
    """A defect, or a right that was not granted."""


# The longest prefix of the SQLSTATE decides; two characters are a class of SQLSTATEs.
BY_SQLSTATE: Final[dict[str, type[LedgerError]]] = {
    "08": LedgerUnavailableError,  # connection exceptions
    "25006": LedgerUnavailableError,  # read-only: a standby answered
    "25P03": LedgerUnavailableError,  # idle_in_transaction_session_timeout
    "28": LedgerFaultError,  # the login is refused
    "40": LedgerBusyError,  # serialisation failure, deadlock; after the retries
    "53": LedgerUnavailableError,  # out of disk, memory or connections
    "55": LedgerBusyError,  # a lock was not available in time
    "57": LedgerUnavailableError,  # shut down, crashed, starting up
    "57014": LedgerBusyError,  # statement_timeout
    "58": LedgerUnavailableError,  # the system under it failed
    "XX": LedgerUnavailableError,  # it found its own data damaged
    "22": InvalidItemError,  # data exceptions
    "23": InvalidItemError,  # constraints
    "54": InvalidItemError,  # a row or a value is too big
    "3F": SchemaTooOldError,  # no such schema
    "42P01": SchemaTooOldError,  # no such table
    "42883": SchemaTooOldError,  # no such function
}

RETRYABLE: Final = frozenset({"40001", "40P01"})
"""Serialisation failure and deadlock: nothing has happened, so the statement may be sent again."""


def _without_content(exc: asyncpg.PostgresError, state: str) -> str:
    """Say what happened; only messages of class 42 (names, rights) are free of values."""
    said = str(exc) if state.startswith("42") else type(exc).__name__
    at = f" at {exc.constraint_name}" if getattr(exc, "constraint_name", None) else ""
    return f"{said} ({state}){at}"


def of_sqlstate(sqlstate: str) -> type[LedgerError]:
    """Return our error for one of PostgreSQL's."""
    for length in (5, 2):
        if (found := BY_SQLSTATE.get(sqlstate[:length])) is not None:
            return found
    return LedgerFaultError


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Let nothing of the driver's own kind out of this block, and no row's content with it."""
    try:
        yield
    except asyncpg.PostgresError as exc:
        state = str(exc.sqlstate or "XX000")
        raise of_sqlstate(state)(_without_content(exc, state)) from None
    except (OSError, TimeoutError) as exc:
        raise LedgerUnavailableError(type(exc).__name__) from exc
    except asyncpg.InternalClientError as exc:
        raise LedgerUnavailableError(type(exc).__name__) from exc
    except asyncpg.InterfaceError as exc:
        if isinstance(exc, ValueError):  # asyncpg.DataError: a value that has no place in its type
            raise InvalidItemError(type(exc).__name__) from exc
        raise LedgerUnavailableError(type(exc).__name__) from exc
