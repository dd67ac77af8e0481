"""`fill COUNT`: as fast as it goes; `pace COUNT RATE FIRST`: at a fixed rate, from this number."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from jobs import queue

from pace import at_rate

TEXT = "x" * 120


async def send(number: int, now: int) -> None:
    await queue.enqueue("nothing", number=number, sent=now, text=TEXT)


async def main(how: str, count: int, rate: float = 0, first: float = 0) -> None:
    await queue.connect()
    if how == "pace":
        await at_rate(send, count, rate, int(first))
    else:
        for start in range(0, count, 100):
            await asyncio.gather(*(send(n, 0) for n in range(start, min(start + 100, count))))
    await queue.disconnect()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:])))
