"""What the tests of the operator share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crd_server import crd_server
from reconcile_fixtures import keda, ledger, no_keda, op, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apiserver import ApiServer

__all__ = ["keda", "ledger", "no_keda", "op", "place"]


@pytest.fixture(scope="package")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Give an API server of their own: an operator sees, and counts, all that is on it."""
    with crd_server(tmp_path_factory.mktemp("apiserver")) as server:
        yield server
