"""B8, leased: units of a limit of very many calls, drawn ahead, by 50 callers of one gateway."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from headrace_gateway.models.leased import block_size
from leased_scene import leasing, most_in_a_second
from pairs import InexactError

if TYPE_CHECKING:
    from headrace_gateway.models.leased import Leased
    from headrace_ledger.declared import Limit
    from headrace_ledger.embedded import EmbeddedLedger

PER_MINUTE: Final = 600_000_000
"""Ten million a second: more than is asked for."""
SMALL: Final = 1_000


async def leased(server: EmbeddedLedger, seconds: float, callers: int) -> dict[str, float]:
    """Take units for so many seconds; then, of a small limit, as many in a second as can be."""
    async with leasing(server, window="1m", capacity=PER_MINUTE) as house:
        rate, taken = await _taken(house.gateways[0], house.limit, seconds, callers)
        used = await house.rests()
        if used != taken:
            message = f"{taken} taken, but {used} counted"
            raise InexactError(message)
        block = block_size(house.limit, 1)
    async with leasing(server, gateways=2, window="1s", capacity=SMALL) as house:
        most, _ = await most_in_a_second(house)
    over = max(0.0, round(100 * (most - SMALL) / SMALL, 3))
    return {"per_second": rate, "block": block, "over_percent": over}


async def _taken(gateway: Leased, limit: Limit, seconds: float, callers: int) -> tuple[float, int]:
    taken = 0

    async def loop() -> None:
        nonlocal taken
        while time.perf_counter() < until:
            assert await gateway.take(limit) is None
            taken += 1
            await asyncio.sleep(0)  # another caller's turn, as at a gateway

    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(loop() for _ in range(callers)))
    return taken / (time.perf_counter() - began), taken
