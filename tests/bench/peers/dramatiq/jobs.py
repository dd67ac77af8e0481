"""dramatiq as its documentation shows it."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from tally import Tally

dramatiq.set_broker(RedisBroker(url=os.environ["BENCH_REDIS"]))
TALLY = Tally.from_env()


@dramatiq.actor
def nothing(number: int, sent: int, text: str) -> None:
    TALLY.entered(number, sent)
