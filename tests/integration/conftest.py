"""Real servers that the integration tests share: each started once, for whoever asks first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crd_server import crd_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apiserver import ApiServer
    from headrace_ledger.embedded import EmbeddedLedger


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Give a real kube-apiserver; tests share it, so each works in namespaces of its own."""
    with crd_server(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def ledger_server() -> Iterator[EmbeddedLedger]:
    """Give a migrated PostgreSQL; tests share it, so each works in tenants of its own."""
    # Imported here, so that tests without a ledger need no server from a wheel.
    from headrace_ledger.embedded import EmbeddedLedger  # noqa: PLC0415 -- see above

    with EmbeddedLedger() as server:
        yield server
