"""Waiting for the ledger while a step runs: a fail-over must not cost a paid answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from headrace_ledger.errors import LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

FIRST_WAIT: Final = 0.05
LONGEST_WAIT: Final = 1.0


class Patience:
    """Asks again for a bounded time; only what may be asked twice is asked here."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def until_there(self, ask: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        wait = FIRST_WAIT
        while True:
            try:
                return await ask()
            except LedgerUnavailableError:
                if loop.time() + wait > deadline:
                    raise
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def surely(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask likewise, and to the end whether or not the caller still waits."""
        return await asyncio.shield(asyncio.ensure_future(self.until_there(ask)))
