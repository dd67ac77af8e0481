"""A call that was made is paid: it is recorded and settled, however it has ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace_gateway.models.prices import cost
from headrace_ledger.records import CallRecord

if TYPE_CHECKING:
    from headrace_gateway.models.calling import Call
    from headrace_gateway.models.openai_compatible import Usage
    from headrace_gateway.models.patience import Patience
    from headrace_gateway.models.reserving import Held, Reserving
    from headrace_gateway.models.targets import Target
    from headrace_gateway.world import World

OK: Final = 200
CUT: Final = 499  # by nginx's custom: the caller went, or was cut off
SILENT: Final = 504
"""Of a call to which nobody answered; one below 400 would be given again as an answer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended, and what it has used."""

    status: int
    usage: Usage
    began: float
    """By the loop's clock."""
    response: bytes = b""


class Keeping:
    """Records calls; what is recorded here is what `cost` adds up."""

    def __init__(self, world: World, patience: Patience, reserving: Reserving) -> None:
        self._world = world
        self._patience = patience
        self._reserving = reserving

    async def keep(self, call: Call, target: Target, held: Held, ended: Ended) -> bool:
        """Record a call and settle what it held; False: its lease is over.

        Raises LedgerError when the ledger stays away; the sweep settles at the estimate then.
        """
        lease, usage = call.lease, ended.usage
        money, currency = cost(usage, target.price)
        record = CallRecord(
            id=held.wish.id,
            tenant=lease.tenant,
            task=lease.task,
            fence=lease.fence,
            run=lease.run,
            step=lease.step,
            request_hash=call.ask.request_hash,
            idx=call.idx,
            provider=target.provider,
            model=target.model,
            status=ended.status,
            response=ended.response,
            streamed=call.ask.stream,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost=money,
            currency=currency,
            duration_ms=int((asyncio.get_running_loop().time() - ended.began) * 1000),
            cached_input_tokens=usage.cached_input_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            price_version=target.price_version,
            estimated=usage.estimated,
        )
        # It is paid, so it is kept and settled, whether or not the caller still waits for it.
        return await self._patience.surely(lambda: self._recorded(held, record, usage))

    async def _recorded(self, held: Held, record: CallRecord, usage: Usage) -> bool:
        kept = await self._world.ledger.record_call(record)
        if record.cost is not None:
            metric = self._world.metrics.cost.labels(record.provider, record.currency)
            metric.inc(float(record.cost))
        await self._reserving.settle(held, usage, record.cost, calls=1)
        return kept
