"""Limits of many calls a second: units are drawn ahead in blocks, so that few calls ask the ledger.

A gateway holds one block of a limit at a time, of so many units that all gateways together hold
what the limit lets through in 50 ms, and never more than a hundredth of it. What of a block is not
used within 50 ms is given back. A unit may be used in a later window than it was counted in, and
that of one block per gateway: this is the most that a leased limit is ever exceeded by.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from headrace_gateway.clock import uuid7
from headrace_gateway.models.metering import WINDOW_SECONDS
from headrace_gateway.pools import Kept
from headrace_ledger.errors import LedgerError
from headrace_ledger.reservations import Reserved, ReserveOutcome, Settlement, block

if TYPE_CHECKING:
    from uuid import UUID

    from headrace_gateway.clock import Chance, Clock
    from headrace_ledger.declared import Limit
    from headrace_ledger.reservations import Reserve

BLOCK_SECONDS: Final = 0.05
BLOCKS_PER_LIMIT: Final = 100
GATEWAYS_SECONDS: Final = 1.0
REFUSED_SECONDS: Final = 1.0
"""How long a refusal is believed at most, since limits are raised."""


class Counted(Protocol):
    """What is asked of the ledger here."""

    async def gateways(self) -> int: ...
    async def reserve(self, wish: Reserve) -> Reserved: ...
    async def settle(self, settlement: Settlement) -> None: ...


@dataclass(slots=True)
class Block:
    """Units of a limit that are counted already."""

    id: UUID
    size: int
    left: int
    until: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the ledger said, and until when nobody needs to ask again."""

    said: Reserved
    until: float


class Leased:
    """The blocks of this gateway."""

    def __init__(self, ledger: Counted, clock: Clock, chance: Chance) -> None:
        self._ledger = ledger
        self._clock = clock
        self._chance = chance
        self._blocks: dict[int, Block] = {}
        self._refusals: dict[int, Refusal] = {}
        self._draws: dict[int, asyncio.Task[Reserved]] = {}
        self._returns: set[asyncio.Task[None]] = set()
        self._gateways: Kept[None, int] = Kept(
            lambda _: ledger.gateways(), GATEWAYS_SECONDS, clock.monotonic
        )

    async def take(self, limit: Limit) -> Reserved | None:
        """Take a unit of a limit; return what the ledger said if there is none.

        Raises LedgerError when the ledger has to be asked and does not answer.
        """
        while not self._at_hand(limit.id):
            refusal = self._refusals.get(limit.id)
            if refusal is not None:
                left = refusal.until - self._clock.monotonic()
                if left > 0:
                    return replace(refusal.said, seconds=left)
                del self._refusals[limit.id]
            said = await self._draw(limit)
            if said.outcome is not ReserveOutcome.RESERVED:
                return said
        return None

    def put_back(self, limit: Limit) -> None:
        """Give back a unit that was not used; once its block has gone it stays counted."""
        found = self._blocks.get(limit.id)
        if found is not None and found.left < found.size:
            found.left += 1

    def _at_hand(self, limit: int) -> bool:
        found = self._blocks.get(limit)
        if found is None or found.left == 0 or self._clock.monotonic() >= found.until:
            return False
        found.left -= 1
        return True

    async def _draw(self, limit: Limit) -> Reserved:
        """Draw a block, once for all who wait for it."""
        task = self._draws.get(limit.id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._next(limit))
            self._draws[limit.id] = task
            task.add_done_callback(lambda done: self._drawn(limit.id, done))
        return await asyncio.shield(task)

    def _drawn(self, limit: int, task: asyncio.Task[Reserved]) -> None:
        self._draws.pop(limit, None)
        if not task.cancelled():
            task.exception()  # read: whoever waited may have gone

    async def _next(self, limit: Limit) -> Reserved:
        self._close(limit)
        size = block_size(limit, await self._gateways.get(None) or 1)
        said = Reserved(ReserveOutcome.BLOCKED)
        for units in dict.fromkeys((size, 1)):  # near the limit there may be one and no block
            wish = block(limit, uuid7(self._clock.now(), self._chance), units)
            said = await self._ledger.reserve(wish)
            if said.outcome is ReserveOutcome.RESERVED:
                until = self._clock.monotonic() + BLOCK_SECONDS
                found = self._blocks[limit.id] = Block(wish.id, units, units, until)
                loop = asyncio.get_running_loop()
                loop.call_later(BLOCK_SECONDS, self._over, limit, found)
                return said
        until = self._clock.monotonic() + min(said.seconds, REFUSED_SECONDS)
        self._refusals[limit.id] = Refusal(said, until)
        return said

    def _over(self, limit: Limit, found: Block) -> None:
        if self._blocks.get(limit.id) is found:
            self._close(limit)

    def _close(self, limit: Limit) -> None:
        """Settle a block with what was used of it; if the ledger is away all of it is used."""
        found = self._blocks.pop(limit.id, None)
        if found is None:
            return
        done = Settlement(limit.tenant, found.id, 0, 0, None, found.size - found.left)
        task = asyncio.get_running_loop().create_task(self._settle(done))
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)

    async def _settle(self, done: Settlement) -> None:
        with suppress(LedgerError):
            await self._ledger.settle(done)


def block_size(limit: Limit, gateways: int) -> int:
    """Return how many units a gateway draws at a time; a sliding window is given.

    Gateways together hold what the limit lets through in 50 ms, at most a hundredth of it.
    """
    together = limit.capacity * BLOCK_SECONDS / WINDOW_SECONDS[limit.window]
    return max(int(min(together, limit.capacity / BLOCKS_PER_LIMIT) / gateways), 1)
