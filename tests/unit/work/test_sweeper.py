"""When leases may run out: never because nobody could renew them."""

from __future__ import annotations

from headrace_contract.names import LEASE_SECONDS
from headrace_gateway.clock import Clock
from headrace_gateway.metrics import Metrics
from headrace_gateway.options import Options
from headrace_gateway.sweeper import MOST_TURNS, Sweeper
from headrace_gateway.wake import Wakes
from headrace_ledger.declared import Swept
from headrace_ledger.errors import LedgerUnavailableError


class Ledger:
    def __init__(self) -> None:
        self.time = 0.0
        self.away = False
        self.asked: list[bool] = []
        self.answer = Swept(ran=True)
        self.notified: set[int] = set()

    async def sweep(self, *, after_gap: bool = False) -> Swept:
        if self.away:
            raise LedgerUnavailableError
        self.asked.append(after_gap)
        return self.answer

    async def notify(self, pool_ids=(), runs=()):
        self.notified |= set(pool_ids)


def made() -> tuple[Ledger, Sweeper, Wakes]:
    ledger = Ledger()
    clock = Clock(now=lambda: None, monotonic=lambda: ledger.time)
    wakes = Wakes(ledger)
    return ledger, Sweeper(ledger, wakes, clock, Metrics(), Options()), wakes


async def ticks(ledger: Ledger, sweeper: Sweeper, until: float) -> list[bool]:
    ledger.asked.clear()
    while ledger.time < until:
        ledger.time += 1
        await sweeper.tick()
    return ledger.asked


async def test_a_gateway_that_has_just_started_gives_the_workers_time_to_beat():
    ledger, sweeper, _ = made()
    asked = await ticks(ledger, sweeper, LEASE_SECONDS + 5)
    assert asked == [True] * int(LEASE_SECONDS) + [False] * 5


async def test_after_an_outage_nothing_expires_for_a_leases_length():
    ledger, sweeper, _ = made()
    await ticks(ledger, sweeper, 100)
    ledger.away = True
    await ticks(ledger, sweeper, 160)
    ledger.away = False
    asked = await ticks(ledger, sweeper, 200)
    assert asked == [True] * int(LEASE_SECONDS) + [False] * 10


async def test_a_short_hiccup_changes_nothing():
    ledger, sweeper, _ = made()
    await ticks(ledger, sweeper, 100)
    ledger.time += 4
    assert set(await ticks(ledger, sweeper, 120)) == {False}


async def test_an_outage_that_flickers_is_one_outage():
    ledger, sweeper, _ = made()
    await ticks(ledger, sweeper, 100)
    ledger.away = True
    await ticks(ledger, sweeper, 110)
    ledger.away = False
    await sweeper.tick()
    ledger.away = True
    await ticks(ledger, sweeper, 125)
    ledger.away = False
    asked = await ticks(ledger, sweeper, 170)
    assert asked.index(False) == int(LEASE_SECONDS)


async def test_a_backlog_is_swept_in_bounded_turns():
    ledger, sweeper, _ = made()
    ledger.answer = Swept(ran=True, expired=10, more=True)
    await sweeper.tick()
    assert len(ledger.asked) == MOST_TURNS


async def test_pools_that_got_work_back_are_woken():
    ledger, sweeper, wakes = made()
    woken: list[int] = []
    wakes.on_pools(lambda pools: woken.extend(pools or ()))
    ledger.answer = Swept(ran=True, expired=1, pool_ids=(7,))
    await sweeper.tick()
    assert woken == [7]
