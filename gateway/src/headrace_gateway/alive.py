"""This gateway lives: as long as the ledger hears so, what it holds for calls under way is held."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from headrace_ledger.errors import LedgerError

BEAT_SECONDS: Final = 10.0


class Beats(Protocol):
    """What is told to the ledger here."""

    async def beat_gateway(self) -> None: ...


async def live(ledger: Beats) -> None:
    """Beat until cancelled; one that is lost is made good by the next, within the 30 s held."""
    while True:
        with suppress(LedgerError):
            await ledger.beat_gateway()
        await asyncio.sleep(BEAT_SECONDS)
