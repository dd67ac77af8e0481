"""Claims that wait: asked for once, and again as often as there may be something new."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from headrace_gateway.metrics import Metrics
from headrace_gateway.options import Options
from headrace_gateway.wake import Wakes
from headrace_gateway.work.desk import Desk
from headrace_ledger.records import ClaimWish

POOL, OTHER = 7, 8


class Ledger:
    """Has what it is given, and tells how often it was asked."""

    def __init__(self) -> None:
        self.ready: list[str] = []
        self.asked = 0
        self.meanwhile = lambda: None

    async def claim(self, wishes):
        self.asked += 1
        found = [[self.ready.pop()] if self.ready else [] for _ in wishes]
        await asyncio.sleep(0)
        self.meanwhile()
        return found

    async def notify(self, pool_ids=(), runs=()):
        """Nobody else is there."""


class Scene:
    def __init__(self) -> None:
        self.ledger = Ledger()
        self.wakes = Wakes(self.ledger)
        world = SimpleNamespace(
            ledger=self.ledger, wakes=self.wakes, options=Options(), metrics=Metrics()
        )
        self.desk = Desk(world)
        self.gone = asyncio.get_running_loop().create_future()

    def claim(self, seconds=5.0):
        wish = ClaimWish("acme", POOL, "w", "r", (b"k",), ())
        return asyncio.create_task(self.desk.claim(wish, seconds, self.gone))

    async def settled(self):
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def scene():
    return Scene()


async def test_a_claim_that_finds_nothing_is_asked_for_once_and_then_waits(scene):
    waiting = scene.claim()
    await scene.settled()
    assert (scene.ledger.asked, waiting.done()) == (1, False)
    scene.gone.set_result(None)
    assert await waiting == []


async def test_a_wake_serves_who_waits(scene):
    waiting = scene.claim()
    await scene.settled()
    scene.ledger.ready.append("lease")
    scene.wakes.hear((POOL,), ())
    assert await waiting == ["lease"]


MEANWHILE = {"of its pool": (POOL,), "of all pools": None}


@pytest.mark.parametrize("pools", MEANWHILE.values(), ids=MEANWHILE)
async def test_a_wake_while_the_ledger_is_asked_is_not_lost(scene, pools):
    def ring():
        scene.ledger.meanwhile = lambda: None
        scene.ledger.ready.append("lease")
        scene.desk.wake(pools)

    scene.ledger.meanwhile = ring
    assert await asyncio.wait_for(scene.claim(), 5) == ["lease"]


async def test_a_wake_of_another_pool_asks_nothing(scene):
    waiting = scene.claim()
    await scene.settled()
    scene.wakes.hear((OTHER,), ())
    await scene.settled()
    assert (scene.ledger.asked, waiting.done()) == (1, False)
    scene.wakes.stop()
    assert await waiting == []
