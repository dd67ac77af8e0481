"""Who divides, and what is written and told of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from headrace_gateway.clock import Clock
from headrace_gateway.divider import Divider
from headrace_gateway.pools import PoolBook
from headrace_gateway.wake import Wakes
from headrace_ledger.declared import PoolCounts, PoolRecord, WorkersGrant, WorkersLimit
from headrace_ledger.errors import LedgerUnavailableError


class Scripted:
    """A ledger with one tenant of two pools, of which the second is too young to be known."""

    def __init__(self) -> None:
        self.limits = [WorkersLimit("t", limited=True, most=3, pool_ids=(1, 2))]
        self.written: list[list[WorkersGrant]] = []
        self.away = False
        self.asked = 0

    async def workers_limited(self):
        self.asked += 1
        if self.away:
            raise LedgerUnavailableError
        return self.limits

    async def counts(self, pool_ids=None):
        return [
            PoolCounts("t", pool, "n", "p", "main", 40, 0, 0, 0, 0.0, held=False)
            for pool in pool_ids
        ]

    async def pools(self):
        known = PoolRecord("t", 1, 1, "u", "n", "p", "main", "a", "b", "o", 4, 9, False, False)  # noqa: FBT003 -- as the ledger's rows come
        return [known]

    async def put_workers(self, tenant, grants):
        self.written.append(grants)
        return [one.pool_id for one in grants if one.granted]

    async def notify(self, pool_ids=(), runs=()):
        pass


@pytest.fixture
def ledger():
    return Scripted()


@pytest.fixture
def woken():
    return []


@pytest.fixture
def divider(ledger, woken):
    clock = Clock(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    wakes = Wakes(ledger)
    wakes.on_pools(lambda pools: woken.extend(pools or ()))
    return Divider(ledger, PoolBook(ledger, clock), wakes, clock, 0.0)


async def test_a_division_is_written_as_a_whole_and_those_it_concerns_are_woken(
    divider, ledger, woken
):
    await divider.tick()
    assert ledger.written == [[WorkersGrant(1, 9, 3, 3), WorkersGrant(2, 0, 0, 0)]]
    assert woken == [1]


async def test_nothing_is_read_or_written_where_nobody_is_limited(divider, ledger):
    ledger.limits = []
    await divider.tick()
    assert ledger.written == []


async def test_what_was_limited_until_now_is_let_go(divider, ledger):
    ledger.limits = [WorkersLimit("t", limited=False, most=None, pool_ids=(1, 2))]
    await divider.tick()
    nothing = [WorkersGrant(pool, None, None, None) for pool in (1, 2)]
    assert ledger.written == [nothing]


async def test_a_ledger_that_is_away_is_asked_again(ledger, divider):
    ledger.away = True
    running = asyncio.create_task(divider.run())
    await until(lambda: ledger.asked > 1)
    assert ledger.written == []
    ledger.away = False
    await until(lambda: ledger.written)
    running.cancel()


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 -- one turn of the loop at a time
            await asyncio.sleep(0)
