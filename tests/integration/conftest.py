"""Real servers that the integration tests share: each started once, for whoever asks first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apiserver import ApiServer
    from headrace_ledger.embedded import EmbeddedLedger


CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Give a real kube-apiserver with our CRDs and the controllers that make no pods."""
    # Imported here, so that tests without an API server need neither Go nor the built binary.
    from apiserver import CONTROLLERS, serving  # noqa: PLC0415
    from devcluster.errors import NotPossibleError  # noqa: PLC0415

    try:
        with serving(tmp_path_factory.mktemp("apiserver"), controllers=CONTROLLERS) as server:
            server.install(CRDS)
            yield server
    except NotPossibleError as error:
        pytest.skip(f"a kube-apiserver can be neither found nor built here: {error}")


@pytest.fixture(scope="session")
def ledger_server() -> Iterator[EmbeddedLedger]:
    """Give a migrated PostgreSQL; tests share it, so each works in tenants of its own."""
    # Imported here, so that tests without a ledger need no server from a wheel.
    from headrace_ledger.embedded import EmbeddedLedger  # noqa: PLC0415

    with EmbeddedLedger() as server:
        yield server
