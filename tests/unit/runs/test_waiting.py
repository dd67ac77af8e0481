"""Waiting for the end of a run: looked for when it may be there, not at each of its steps."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from uuid import uuid4

from headrace_gateway.options import Options
from headrace_gateway.runs.waiting import until_over
from headrace_gateway.wake import Wakes
from headrace_ledger.records import RunStatus

RUN = uuid4()


class Ledger:
    def __init__(self):
        self.status = RunStatus.RUNNING
        self.looks = 0

    async def run(self, tenant, run):
        self.looks += 1
        return SimpleNamespace(status=self.status)

    async def notify(self, pool_ids=(), runs=()):
        """Nobody else is there."""


def world():
    ledger = Ledger()
    clock = SimpleNamespace(monotonic=time.monotonic)
    return SimpleNamespace(ledger=ledger, clock=clock, wakes=Wakes(ledger), options=Options())


async def turns(count=10):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_steps_that_follow_each_other_are_no_reason_to_look():
    here = world()
    waiting = asyncio.ensure_future(until_over(here, "t", RUN, 30))
    for _ in range(7):
        await turns()
        here.wakes.tell((), (RUN,), going_on=True)
    await turns()
    assert here.ledger.looks == 1
    here.ledger.status = RunStatus.SUCCEEDED
    here.wakes.tell((), (RUN,))
    assert (await asyncio.wait_for(waiting, 1)).status is RunStatus.SUCCEEDED
    assert here.ledger.looks == 2


async def test_notices_of_other_gateways_are_looked_into_but_not_each_of_them():
    here = world()
    waiting = asyncio.ensure_future(until_over(here, "t", RUN, 30))
    for _ in range(7):
        await turns()
        here.wakes.hear((), (RUN,))
    await turns()
    assert here.ledger.looks == 1
    here.ledger.status = RunStatus.CANCELLED
    assert (await asyncio.wait_for(waiting, 1)).status is RunStatus.CANCELLED
    assert here.ledger.looks == 2


async def test_the_thicker_notices_come_the_rarer_they_are_looked_into():
    here = world()
    waiting = asyncio.ensure_future(until_over(here, "t", RUN, 0.6))
    while not waiting.done():
        here.wakes.hear((), (RUN,))
        await asyncio.sleep(0.001)
    assert 2 <= here.ledger.looks <= 6  # at most at 0, 0.05, 0.15, 0.35 and at the end


async def test_a_gateway_that_stops_waits_no_longer():
    here = world()
    waiting = asyncio.ensure_future(until_over(here, "t", RUN, 30))
    await turns()
    here.wakes.stop()
    assert await asyncio.wait_for(waiting, 1) is None
