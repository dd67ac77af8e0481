"""A fixed rate, whatever the answers do: for all sides, so the standard library alone."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def at_rate(
    send: Callable[[int, int], Awaitable[object]], count: int, rate: float, first: int = 0
) -> None:
    """Start `send(number, now in monotonic ns)` so often a second, and wait for all of them."""
    loop = asyncio.get_running_loop()
    begin = loop.time() + 0.1
    under_way = []
    for number in range(count):
        await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
        under_way.append(asyncio.ensure_future(send(first + number, time.monotonic_ns())))
    await asyncio.gather(*under_way)
