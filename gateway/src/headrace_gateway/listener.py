"""What other gateways tell: their notices ring our bells; a gap in them rings all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from headrace_gateway.wake import Wakes
    from headrace_ledger.client import Ledger

AGAIN_SECONDS: Final = 1.0


async def listen(ledger: Ledger, wakes: Wakes) -> None:
    """Run until cancelled. The ledger's listener reconnects by itself, and says when it did."""
    log = structlog.get_logger("headrace.gateway")
    while True:
        try:
            async with ledger.listen() as notices:
                async for wake in notices:
                    if wake.resync:
                        wakes.ring_all()
                    else:
                        wakes.hear(wake.pool_ids, wake.runs)
        except LedgerError as exc:
            log.warning("The ledger's notices cannot be heard.", error=type(exc).__name__)
        await asyncio.sleep(AGAIN_SECONDS)
