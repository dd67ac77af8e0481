from __future__ import annotations

import pytest

from headrace_ledger.embedded import EmbeddedLedger


@pytest.fixture(scope="session")
def ledger_server():
    with EmbeddedLedger() as server:
        yield server
