"""What the model endpoint asks: whose key is this, was this call made before, what did it cost."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from headrace_ledger.call import Verbs, columns
from headrace_ledger.costs import CostRecord, WorkerCostRecord
from headrace_ledger.edge import flaw
from headrace_ledger.errors import InvalidItemError
from headrace_ledger.records import CallRecord, KeyedLease

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal
    from uuid import UUID

    from headrace_ledger.costs import WorkersRow


class Models(Verbs):
    """The verbs of the model endpoint."""

    async def lease_of_key(self, key_hash: bytes) -> KeyedLease | None:
        """Return the live lease that a step's key opens."""
        row = await self._caller.row("lease_of_key", key_hash)
        return None if row is None else KeyedLease(*row)

    async def recall(
        self, tenant: str, run: UUID, step: str, request_hash: bytes, idx: int
    ) -> CallRecord | None:
        """Return the recorded answer of a call that this attempt of the step has made before."""
        row = await self._caller.row("recall", tenant, run, step, request_hash, idx)
        return None if row is None else CallRecord(*row)

    async def record_call(self, call: CallRecord) -> bool:
        """Keep a finished call. False: the fence is stale, and the call is spend only."""
        reason = flaw(call)
        if reason is not None:
            raise InvalidItemError(reason)
        values = (getattr(call, field.name) for field in dataclasses.fields(call))
        return bool(await self._caller.value("record_call", *values))

    async def month_costs(self, tenant: str, day: date) -> dict[str, Decimal]:
        """Sum what calls cost in the UTC month of a day until its end, by currency."""
        first, end = (
            datetime.combine(each, time(), UTC)
            for each in (day.replace(day=1), day + timedelta(days=1))
        )
        rows = await self._caller.rows("month_costs", tenant, first, end)
        return {row["currency"]: row["cost"] for row in rows}

    async def count_workers(
        self, tenant: str, workers: Sequence[WorkersRow], currency: str
    ) -> None:
        """Add up the time of these pools' workers since they were last counted (90 s at most)."""
        rows = columns(workers, "pipeline_uid", "pool", "ready", "hourly")
        await self._caller.rows("count_workers", tenant, *rows, currency)

    async def worker_costs(
        self, tenant: str, since: date, until: date, by: str
    ) -> list[WorkerCostRecord]:
        """Sum what workers cost from one UTC day to before another, by pipeline or tenant."""
        first, end = (datetime.combine(day, time(), UTC) for day in (since, until))
        rows = await self._caller.rows("worker_costs", tenant, first, end, by)
        return [WorkerCostRecord(*row) for row in rows]

    async def costs(self, tenant: str, since: date, until: date, by: str) -> list[CostRecord]:
        """Sum what calls cost from one UTC day to before another, by key and currency.

        `by` is pipeline, step, model, run or tenant; keys are `namespace/name`,
        `namespace/name/step`, `provider/model`, an id and the tenant's name.
        """
        first, end = (datetime.combine(day, time(), UTC) for day in (since, until))
        rows = await self._caller.rows("costs", tenant, first, end, by)
        return [CostRecord(*row) for row in rows]
