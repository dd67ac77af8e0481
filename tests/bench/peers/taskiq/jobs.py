"""taskiq as its documentation shows it; `BENCH_BROKER` says which of its Redis brokers."""

from __future__ import annotations

import os

from taskiq_redis import ListQueueBroker, RedisStreamBroker

from tally import Tally

KINDS = {"list": ListQueueBroker, "stream": RedisStreamBroker}
broker = KINDS[os.environ.get("BENCH_BROKER", "list")](os.environ["BENCH_REDIS"])
tally: list[Tally] = []


@broker.task
async def nothing(number: int, sent: int, text: str) -> None:
    if not tally:
        tally.append(Tally.from_env())
    tally[0].entered(number, sent)
