"""`fill COUNT`: as fast as it goes; `pace COUNT RATE FIRST`: at a fixed rate, from this number."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from jobs import broker, nothing

from pace import at_rate

TEXT = "x" * 120


async def main(how: str, count: int, rate: float = 0, first: float = 0) -> None:
    await broker.startup()
    if how == "pace":
        await at_rate(lambda number, now: nothing.kiq(number, now, TEXT), count, rate, int(first))
    else:
        for start in range(0, count, 100):
            stop = min(start + 100, count)
            await asyncio.gather(*(nothing.kiq(number, 0, TEXT) for number in range(start, stop)))
    await broker.shutdown()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:])))
