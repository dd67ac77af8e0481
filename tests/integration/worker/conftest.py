"""A ledger for the session, a gateway and a model for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from headrace_ledger.embedded import EmbeddedLedger
from worker_gateway import Served, serving_gateway
from worker_server import Site, serving


@pytest.fixture(scope="session")
def worker_ledger() -> Iterator[EmbeddedLedger]:
    with EmbeddedLedger() as ledger:
        yield ledger


@pytest.fixture
async def served(worker_ledger: Any) -> AsyncIterator[Served]:
    async with serving_gateway(worker_ledger) as served:
        yield served


@pytest.fixture
def model() -> Iterator[Site]:
    with serving(Site()) as site:
        yield site
