"""Composition root: settings → clients → World → register → run."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from aiohttp import web

from headrace_operator.apply.connect import connect_cluster, connect_ledger
from headrace_operator.apply.lease import KubeLease
from headrace_operator.apply.recorder import Recorder
from headrace_operator.errors import NotLeadingError
from headrace_operator.metrics import Metrics
from headrace_operator.plan.context import Site
from headrace_operator.reconcile.cache import Cache
from headrace_operator.reconcile.lead import Leadership
from headrace_operator.reconcile.queue import WorkQueue
from headrace_operator.reconcile.world import Board, World
from headrace_operator.settings import Settings
from headrace_operator.watch.logs import configure
from headrace_operator.watch.operate import Rhythm, Start, operate
from headrace_operator.watch.probes import Health, application
from headrace_operator.watch.pulse import Pulse
from headrace_operator.watch.watchdog import BlindError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger("headrace_operator")
BLIND: Final = 3
NOT_LEADING: Final = 4


def now() -> datetime:
    return datetime.now(UTC)


def spare_the_collector() -> None:
    """
    Look for garbage in cycles less often, and never among what lives as long as the process.

    A pass makes thousands of dicts and hardly a cycle; by default, an eighth of the CPU time of a
    busy operator went to walking over them again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def run(settings: Settings) -> None:
    """Run until a signal comes, or until something that only a restart mends."""
    metrics = Metrics()
    async with contextlib.AsyncExitStack() as stack:
        wire, cluster = await connect_cluster(
            settings.api_writes_per_second,
            settings.api_write_burst,
            metrics,
            settings.watch_namespaces,
        )
        stack.push_async_callback(wire.close)
        ledger = connect_ledger(settings.ledger())
        stack.push_async_callback(ledger.close)
        world = World(
            cluster=cluster,
            ledger=ledger,
            recorder=Recorder(wire, settings.pod_name),
            cache=Cache(),
            queue=WorkQueue(time.monotonic, random.random),
            board=Board(),
            site=Site(
                settings.gateway_url,
                settings.worker_image,
                settings.system_namespace,
                settings.node_cidrs,
            ),
            metrics=metrics,
            now=now,
            between_counts=timedelta(seconds=settings.counts_seconds),
        )
        lease = KubeLease(
            wire, settings.system_namespace, settings.pod_name, int(settings.lease_seconds) or 1
        )
        leadership = Leadership(lease, settings.lease_seconds, time.monotonic, metrics)
        pulse = Pulse(time.monotonic)
        health = Health(world, pulse, leadership, cluster.ping)
        await stack.enter_async_context(_served(health, settings))
        stack.push_async_callback(leadership.leave)
        rhythm = Rhythm(
            resync=settings.resync_seconds,
            counts=settings.counts_seconds,
            keda=settings.keda_seconds,
            concurrency=settings.concurrency,
            namespaces=settings.watch_namespaces,
        )
        await operate(health, rhythm, Start(random.random, ledger.check))


@contextlib.asynccontextmanager
async def _served(health: Health, settings: Settings) -> AsyncIterator[None]:
    runner = web.AppRunner(application(health), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.listen_host, settings.listen_port).start()
        yield
    finally:
        await runner.cleanup()


def main() -> int:
    """Run the operator; the exit code says why it ended."""
    settings = Settings()
    spare_the_collector()
    configure(sys.stderr, settings.log_level, settings.log_format)
    code = 0
    try:
        asyncio.run(run(settings))
    except* BlindError as group:
        log.critical("We are blind.", extra={"told": str(group.exceptions[0])})
        code = BLIND
    except* NotLeadingError as group:
        log.critical("Another operator took over.", extra={"told": str(group.exceptions[0])})
        code = NOT_LEADING
    return code


if __name__ == "__main__":
    sys.exit(main())
