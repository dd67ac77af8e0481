"""What each peer of B8 does as a process: decide for so many callers, and print what it came to."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

Decide = Callable[[], Awaitable[bool]]
LONE = 400


async def main(make: Callable[[str, int, list[str]], Awaitable[Decide]]) -> None:
    """
    Decide so many seconds within a capacity never reached, or past one that is.

    Every call asks so many limits, one after the other: neither peer asks several at once.
    """
    redis, seconds, callers, capacity, limits = sys.argv[1], *map(int, sys.argv[2:])
    one = await make(redis, capacity, [f"limit-{n}" for n in range(limits)])
    said = await decided(one, seconds, callers) if capacity > 10**6 else await filled(one, callers)
    print(json.dumps(said))


async def decided(one: Decide, seconds: float, callers: int) -> dict[str, float]:
    done, until = 0, 0.0

    async def loop() -> None:
        nonlocal done
        while time.perf_counter() < until:
            assert await one()
            done += 1

    took = []
    for _ in range(LONE):
        began = time.perf_counter()
        await one()
        took.append(time.perf_counter() - began)
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(loop() for _ in range(callers)))
    rate = done / (time.perf_counter() - began)
    return {"per_second": rate, "lone_p50_ms": 1000 * statistics.median(took)}


async def filled(one: Decide, callers: int) -> dict[str, float]:
    """Ask until each caller has been refused ten times; return how many were let through."""
    admitted = 0

    async def loop() -> None:
        nonlocal admitted
        refused = 0
        while refused < 10:
            is_good = await one()
            admitted += is_good
            refused += not is_good

    await asyncio.gather(*(loop() for _ in range(callers)))
    return {"admitted": admitted}
