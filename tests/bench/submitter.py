"""
Submits runs over HTTP as a process of its own; asked by one JSON object on the command line.

`pace`: at a fixed rate, over connections that are waiting; `storm`: so many clients, each with one
request at a time, until all are answered. What came of it goes to `out` as one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from pace import at_rate
from wire import Connection, post

TEXT = "x" * 120


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done, and where."""

    how: str
    port: int
    path: str
    key: str
    count: int
    out: str
    prefix: str = ""
    """What the idempotency keys begin with; an earlier one again submits the same runs again."""
    rate: float = 0.0
    first: int = 0
    """The number of the first."""
    clients: int = 64

    def request(self, number: int, sent: int) -> bytes:
        headers = f"authorization: Bearer {self.key}\r\n"
        if self.prefix:
            headers += f"idempotency-key: {self.prefix}-{number}\r\n"
        body = json.dumps({"number": number, "sent": sent, "text": TEXT})
        return post(self.path, headers, body)


async def submit(asked: Asked) -> dict[str, Any]:
    connections = deque([await Connection.to(asked.port) for _ in range(asked.clients)])
    ids: list[str] = [""] * asked.count
    took: list[float] = []

    async def send(number: int, sent: int) -> None:
        connection = connections.popleft()
        status, body = await connection.ask(asked.request(number, sent))
        took.append(time.perf_counter())
        if status != 202:
            message = f"{status} {body.decode()[:500]}"
            raise SystemExit(message)
        ids[number - asked.first] = json.loads(body)["id"]
        connections.append(connection)

    async def client(numbers: Any) -> None:
        for number in numbers:
            await send(number, 0)

    began = time.perf_counter()
    if asked.how == "pace":
        await at_rate(send, asked.count, asked.rate, asked.first)
    else:
        numbers = iter(range(asked.first, asked.first + asked.count))
        await asyncio.gather(*(client(numbers) for _ in range(asked.clients)))
    for connection in connections:
        connection.close()
    return {"seconds": max(took) - began, "ids": ids, "cpu": time.process_time()}


if __name__ == "__main__":
    wanted = Asked(**json.loads(sys.argv[1]))
    Path(wanted.out).write_text(json.dumps(uvloop.run(submit(wanted))))
