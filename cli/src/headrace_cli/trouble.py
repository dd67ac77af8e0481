"""The ledger's errors as this program's; apart, since the driver is not to be loaded by all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headrace_cli.errors import LocalError
from headrace_ledger.errors import LedgerError


@contextmanager
def ledger_trouble() -> Iterator[None]:
    """Tell the ledger's own errors in its words; they hold no password."""
    try:
        yield
    except LedgerError as exc:
        msg = f"the ledger: {exc}"
        raise LocalError(msg) from exc
