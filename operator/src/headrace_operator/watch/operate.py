"""Everything that goes on while the operator lives: kopf, passes, regular looks."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import kopf

from headrace_operator.errors import GoneError, ReconcileError
from headrace_operator.reconcile import loops
from headrace_operator.reconcile.resync import compare_cluster, compare_rows, prime
from headrace_operator.reconcile.spend import count_workers, look_at_costs
from headrace_operator.watch.framework import framework
from headrace_operator.watch.keeper import LOOK_EVERY, overlooked
from headrace_operator.watch.login import register_login
from headrace_operator.watch.register import register
from headrace_operator.watch.watchdog import watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from headrace_operator.watch.probes import Health

log = logging.getLogger(__name__)
TRY_AGAIN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often things are looked at, and how many passes go on at a time."""

    resync: float
    counts: float
    keda: float
    concurrency: int
    costs: float = 60.0
    workers: float = 5.0
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """What start-up needs beside the world: chance, and whether the ledger is there."""

    chance: Callable[[], float]
    check_ledger: Callable[[], Awaitable[None]]
    stop: asyncio.Event | None = None
    """Ends it as a signal would; signals do so anyway."""


async def operate(health: Health, rhythm: Rhythm, start: Start) -> None:
    """Become the operator, learn what there is, and keep at it until told to stop."""
    world = health.world
    await _until_done("take the Lease", lambda: health.leadership.take(world.now))
    await _until_done("list the cluster", lambda: prime(world))
    health.primed = True
    registry = kopf.OperatorRegistry()
    register_login(registry, health.pulse)
    register(registry, world)
    async with asyncio.TaskGroup() as group:
        # kopf comes last: when it ends, it ends every task that was started after it.
        tasks = [group.create_task(one) for one in _forever(health, rhythm, start)]
        while await _listen(registry, health, rhythm, start):
            pass
        for task in tasks:
            task.cancel()


async def _listen(
    registry: kopf.OperatorRegistry, health: Health, rhythm: Rhythm, start: Start
) -> bool:
    """Watch until told to stop; True means that kopf overlooked a kind and must look again."""
    ends = asyncio.Event()

    async def keep() -> bool:
        await overlooked(health)
        ends.set()
        return True

    async def catch_up() -> None:
        # What was deleted between the old watches and the new ones is told by neither.
        while health.pulse.unbegun(health.wanted()):  # noqa: ASYNC110 -- kopf tells nobody
            await asyncio.sleep(LOOK_EVERY)
        await _until_done("compare the cluster", lambda: compare_cluster(health.world))

    async def heed() -> None:
        if start.stop is not None:
            await start.stop.wait()
            ends.set()

    health.pulse.restart()
    keeper, *others = (asyncio.create_task(one) for one in (keep(), heed(), catch_up()))
    try:
        await kopf.operator(
            registry=registry,
            settings=framework(start.chance),
            clusterwide=not rhythm.namespaces,
            namespaces=rhythm.namespaces,
            standalone=True,
            stop_flag=ends,
        )
    finally:
        again = keeper.done() and not keeper.cancelled()
        for task in (keeper, *others):
            task.cancel()
    return again


def _forever(health: Health, rhythm: Rhythm, start: Start) -> list[Coroutine[None, None, None]]:
    world, leadership = health.world, health.leadership

    async def learn_of_ledger() -> None:
        await _until_done("reach the ledger", start.check_ledger)
        health.ledger = True
        await _until_done("count the tasks", lambda: loops.count(world))
        await _until_done("compare the rows", lambda: compare_rows(world))

    regular = (
        (rhythm.resync, loops.resync),
        (rhythm.counts, loops.count),
        (rhythm.keda, loops.look_for_keda),
        (rhythm.costs, look_at_costs),
        (rhythm.workers, count_workers),
    )
    return [
        learn_of_ledger(),
        leadership.keep(world.now),
        watchdog(health),
        *(loops.every(each, start.chance, do, world) for each, do in regular),
        *(loops.work(world, leadership) for _ in range(rhythm.concurrency)),
    ]


async def _until_done(what: str, do: Callable[[], Awaitable[None]]) -> None:
    """Do something that must succeed before anything else can; say why it does not, once."""
    told = ""
    while True:
        try:
            return await do()
        except (ReconcileError, GoneError) as exc:
            if str(exc) != told:
                log.warning("Cannot begin yet.", extra={"what": what, "told": str(exc)})
            told = str(exc)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
