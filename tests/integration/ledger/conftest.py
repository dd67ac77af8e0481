"""A gateway's and an operator's ledger over the shared server, and its superuser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

import ledger_rows as make
from headrace_ledger.client import Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from headrace_ledger.declared import LimitRow, PipelineRow
    from headrace_ledger.embedded import EmbeddedLedger
    from headrace_ledger.records import EventRecord, LeaseRecord
    from headrace_ledger.submits import Submit

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture
async def gateway(ledger_server: EmbeddedLedger) -> AsyncIterator[Ledger]:
    ledger = await Ledger.connect(ledger_server.gateway_url, role="gateway")
    yield ledger
    await ledger.close()


@pytest_asyncio.fixture
async def operator(ledger_server: EmbeddedLedger) -> AsyncIterator[Ledger]:
    ledger = await Ledger.connect(ledger_server.operator_url, role="operator", max_size=2)
    yield ledger
    await ledger.close()


@pytest_asyncio.fixture
async def admin(ledger_server: EmbeddedLedger) -> AsyncIterator[asyncpg.Connection]:
    """The superuser: bypasses row-level security, moves clocks, breaks things."""
    con = await asyncpg.connect(ledger_server.admin_url)
    yield con
    await con.close()


@dataclass(frozen=True)
class House:
    """A tenant of its own for a test, and the shortest way to pipelines, runs and leases in it."""

    tenant: str
    gateway: Ledger
    operator: Ledger

    async def pipeline(self, *steps: make.EdgeRow, **changes: Any) -> PipelineRow:
        row = make.pipeline(self.tenant, *steps, **changes)
        await self.operator.put_pipeline(row)
        return row

    async def pool(self, row: PipelineRow, name: str = "default") -> int:
        pools = await self.gateway.pools()
        return next(p.pool_id for p in pools if (p.pipeline_uid, p.pool) == (row.uid, name))

    async def submit(self, row: PipelineRow, **changes: Any) -> Submit:
        item = make.submit(row, **changes)
        done = await self.gateway.accept_one(item)
        assert done.outcome == "Accepted"
        return item

    async def claim(
        self, row: PipelineRow, slots: int = 1, pool: str = "default"
    ) -> list[LeaseRecord]:
        wish = make.wish(self.tenant, await self.pool(row, pool), slots)
        [leases] = await self.gateway.claim([wish])
        return leases

    async def lease(self, row: PipelineRow, pool: str = "default") -> LeaseRecord:
        [lease] = await self.claim(row, 1, pool)
        return lease

    async def declare(self, *rows: LimitRow, owner: str = "tenant") -> dict[str, int]:
        """Declare limits of the tenant; return their ids by name."""
        await self.operator.put_limits(make.limits(self.tenant, *rows, owner=owner))
        known = await self.gateway.limits_of(self.tenant)
        return {
            one.name: one.id for one in known if (one.tenant, one.owner) == (self.tenant, owner)
        }

    async def states(self, run: Submit) -> dict[str, str]:
        record = await self.gateway.run(self.tenant, run.id)
        assert record is not None
        return {step.step: step.state for step in record.steps}

    async def events(self, run: Submit) -> list[EventRecord]:
        return await self.gateway.events(self.tenant, run.id, after=0, limit=1000)

    async def happened(self, run: Submit) -> list[str]:
        events = await self.events(run)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        return [e.type if e.step is None else f"{e.type} {e.step}" for e in events]


@pytest_asyncio.fixture
async def house(gateway: Ledger, operator: Ledger) -> AsyncIterator[House]:
    """After every test the kept counters of its pools equal their rows."""
    name = make.fresh("tenant")
    await operator.put_tenant(make.tenant(name))
    yield House(name, gateway, operator)
    assert [d for d in await gateway.audit() if d.tenant == name] == []
