"""saq as its documentation shows it."""

from __future__ import annotations

import os
from typing import Any

from saq import Queue

from tally import Tally

queue = Queue.from_url(os.environ["BENCH_REDIS"])
tally: list[Tally] = []


async def nothing(context: dict[str, Any], *, number: int, sent: int, text: str) -> None:
    if not tally:
        tally.append(Tally.from_env())
    tally[0].entered(number, sent)


settings = {
    "queue": queue,
    "functions": [nothing],
    "concurrency": int(os.environ.get("BENCH_CONCURRENCY", "10")),
}
