"""What goes on beside the passes: counting, asking for KEDA, the resync."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from headrace_contract.resources.agent_pipeline import Backlog
from headrace_operator.errors import GoneError, ReconcileError
from headrace_operator.model.counted import Counted
from headrace_operator.model.resource import PIPELINES, SCALED_OBJECTS, Key
from headrace_operator.reconcile.measure import measure
from headrace_operator.reconcile.resync import compare_objects, resync
from headrace_operator.reconcile.turn import turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from headrace_operator.reconcile.lead import Leadership
    from headrace_operator.reconcile.world import World

log = logging.getLogger(__name__)
JITTER: Final = 0.1
NO_TASKS: Final = Counted(Backlog())


async def work(world: World, leadership: Leadership) -> None:
    """Make passes for ever."""
    while True:
        await turn(world, leadership)


async def every(
    seconds: float,
    chance: Callable[[], float],
    do: Callable[[World], Awaitable[None]],
    world: World,
) -> None:
    """Do something again and again; what fails is said and done again next time."""
    told = ""
    while True:
        await asyncio.sleep(seconds * (1 + JITTER * (2 * chance() - 1)))
        failure = await _tried(do, world)
        if told and not failure:
            log.info("A regular look succeeds again.", extra={"what": do.__name__})
            world.queue.hurry()
        elif failure != told and failure:
            extra = {"what": do.__name__, "told": failure}
            log.warning("A regular look fails; it is made again and again.", extra=extra)
        told = failure


async def _tried(do: Callable[[World], Awaitable[None]], world: World) -> str:
    """Do something; return what went wrong, or nothing."""
    try:
        await do(world)
    except (ReconcileError, GoneError) as exc:
        return str(exc) or type(exc).__name__
    except Exception as exc:
        log.exception("A regular look failed in a way that nobody foresaw.")
        return type(exc).__name__
    return ""


async def look_for_keda(world: World) -> None:
    """Take KEDA up when it arrives, and do without it when it goes."""
    served = await world.cluster.serves(SCALED_OBJECTS)
    if served == world.board.keda:
        return
    log.info("KEDA is there now." if served else "KEDA is gone.")
    world.board.keda = served
    if served:
        await compare_objects(SCALED_OBJECTS, world)
    else:
        for key, entry in world.cache.of_kind(SCALED_OBJECTS.kind):
            world.cache.lost(key, entry.uid)
    for key, _ in world.cache.of_kind(PIPELINES.kind):
        world.queue.add(key)


async def count(world: World) -> None:
    """Count tasks, and what is used of limits; whose counts changed is due."""
    await count_tasks(world)
    await measure(world)


async def count_tasks(world: World) -> None:
    """Count the tasks of all pipelines in one call."""
    if not world.cache.count(PIPELINES.kind):
        world.board.counts = {}  # who comes next has no tasks yet
        return
    counted = await world.ledger.counts()
    before = world.board.counts or {}
    first = world.board.counts is None
    world.board.counts = counted
    for place in counted.keys() | before.keys():
        if first or counted.get(place, NO_TASKS) != before.get(place, NO_TASKS):
            key = Key(PIPELINES.kind, *place)
            if world.cache.entry(key) is not None:
                world.queue.add(key)


__all__ = ["count", "every", "look_for_keda", "resync", "work"]
