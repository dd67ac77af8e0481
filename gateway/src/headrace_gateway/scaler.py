"""KEDA's external scaler: every replica answers every pool, from the ledger."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

import grpc
import grpc.aio

from headrace_gateway import externalscaler_pb2 as pb
from headrace_gateway.errors import UnavailableError
from headrace_gateway.externalscaler_pb2_grpc import (
    ExternalScalerServicer,
    add_ExternalScalerServicer_to_server,
)
from headrace_gateway.scale import active, load, metric
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from headrace_gateway.counts import Counts
    from headrace_gateway.feeding import Feeding
    from headrace_gateway.world import World
    from headrace_ledger.declared import PoolCounts, PoolRecord

METRIC: Final = "headrace-tasks"
LOOK_SECONDS: Final = 5.0
TOGETHER: Final = 250
WAITING_CALLS: Final = 50_000
_MOST_MESSAGE: Final = 64 * 1024


class Told:
    """What one stream has been told, and the bell that makes it look again."""

    __slots__ = ("active", "bell")

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self.active: bool | None = None


class Scaler(ExternalScalerServicer):
    """Pushes `true` when a pool becomes runnable; says `unavailable`, never zero, when blind."""

    def __init__(self, world: World, counts: Counts, feeding: Feeding) -> None:
        wakes = world.wakes
        self._pools = world.pools
        self._ledger = world.ledger
        self._counts = counts
        self._feeding = feeding
        self._wakes = wakes
        self._streams: dict[int, set[Told]] = {}
        self._looking: asyncio.Task[None] | None = None
        wakes.on_pools(self._woken)

    async def IsActive(  # noqa: N802 -- KEDA's name
        self, request: pb.ScaledObjectRef, context: grpc.aio.ServicerContext
    ) -> pb.IsActiveResponse:
        pool = await self._pool(request, context)
        return pb.IsActiveResponse(result=active(await self._count(pool, context)))

    async def StreamIsActive(  # noqa: N802 -- KEDA's name
        self, request: pb.ScaledObjectRef, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.IsActiveResponse]:
        """Say at once what is, then every change; end well on shutdown, so that KEDA comes back."""
        pool = await self._pool(request, context)
        told = Told()
        self._open(pool.pool_id, told)
        try:
            while not self._wakes.stopping.is_set():
                told.bell.clear()
                busy = active(await self._count(pool, context))
                # `true` is said again at each look: KEDA acts on it, and may have missed one.
                if busy or told.active is not False:
                    yield pb.IsActiveResponse(result=busy)
                told.active = busy
                await told.bell.wait()
        finally:
            self._close(pool.pool_id, told)

    async def GetMetricSpec(  # noqa: N802 -- KEDA's name
        self, request: pb.ScaledObjectRef, context: grpc.aio.ServicerContext
    ) -> pb.GetMetricSpecResponse:
        pool = await self._pool(request, context)
        spec = pb.MetricSpec(metricName=METRIC, targetSizeFloat=float(pool.concurrency_per_worker))
        return pb.GetMetricSpecResponse(metricSpecs=[spec])

    async def GetMetrics(  # noqa: N802 -- KEDA's name
        self, request: pb.GetMetricsRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetMetricsResponse:
        pool = await self._pool(request.scaledObjectRef, context)
        value = metric(await self._count(pool, context), pool.concurrency_per_worker)
        answer = pb.MetricValue(metricName=METRIC, metricValueFloat=value)
        return pb.GetMetricsResponse(metricValues=[answer])

    async def _pool(
        self, request: pb.ScaledObjectRef, context: grpc.aio.ServicerContext
    ) -> PoolRecord:
        """Find the pool, and answer for it to its own ScaledObject alone."""
        said = request.scalerMetadata
        try:
            pool = await self._pools.find(
                request.namespace, said.get("pipeline", ""), said.get("pool", "")
            )
        except LedgerError:
            await blind(context)
        named = said.get("namespace", request.namespace)
        if pool is None or named != pool.namespace or request.name != pool.scaled_object:
            await refuse(context)
        return pool

    async def _count(self, pool: PoolRecord, context: grpc.aio.ServicerContext) -> PoolCounts:
        """Count, and look what the pool's limits can feed, before the first worker is started."""
        try:
            counts = await self._counts.of(pool.pool_id)
            if counts is not None and load(counts) > counts.running:
                counts = await self._fed(pool, counts)
        except (LedgerError, UnavailableError):
            await blind(context)
        if counts is None:  # a pool without counts is not known to be empty
            await blind(context)
        return counts

    async def _fed(self, pool: PoolRecord, counts: PoolCounts) -> PoolCounts:
        """Look now, and keep what was found for people and for the division of workers."""
        feed = await self._feeding.of(pool)
        workers, by = (feed.workers, feed.by) if feed else (None, None)
        if (workers, by) == (counts.workers_fed, counts.workers_fed_by):
            return counts
        await self._ledger.put_feed(pool.tenant, pool.pool_id, workers, by)
        return replace(counts, workers_fed=workers, workers_fed_by=by)

    def _open(self, pool_id: int, told: Told) -> None:
        self._streams.setdefault(pool_id, set()).add(told)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def _close(self, pool_id: int, told: Told) -> None:
        self._streams[pool_id].discard(told)
        if not self._streams[pool_id]:
            del self._streams[pool_id]
        if not self._streams and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        """Look after every stream in five seconds, a part of them at a time."""
        while pools := list(self._streams):
            parts = [pools[at : at + TOGETHER] for at in range(0, len(pools), TOGETHER)]
            for part in parts:
                await asyncio.sleep(LOOK_SECONDS / len(parts))
                try:
                    found = await self._counts.of_all(part)
                except (LedgerError, UnavailableError):
                    found = {}  # each stream finds out for itself, and says so
                for pool_id in part:
                    self._compare(pool_id, found.get(pool_id))

    def _compare(self, pool_id: int, counts: PoolCounts | None) -> None:
        """Ring for those whose answer is another one now, or has to be said again."""
        for told in self._streams.get(pool_id, ()):
            if counts is None or load(counts) > 0 or told.active is not False:
                told.bell.set()

    def _woken(self, pool_ids: Iterable[int] | None) -> None:
        """Look again for those who were told that there is nothing to do."""
        for pool in tuple(self._streams) if pool_ids is None else pool_ids:
            for told in self._streams.get(pool, ()):
                if not told.active:
                    self._counts.stale(pool)
                    told.bell.set()

    def stop(self) -> None:
        """End all streams with status OK."""
        for streams in self._streams.values():
            for told in streams:
                told.bell.set()


async def blind(context: grpc.aio.ServicerContext) -> NoReturn:
    """Say that the signal cannot be read: KEDA then holds what it has."""
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the ledger cannot be read")
    raise AssertionError  # abort raises


async def refuse(context: grpc.aio.ServicerContext) -> NoReturn:
    """Say the same of a pool that is absent and of one that is another ScaledObject's."""
    await context.abort(grpc.StatusCode.NOT_FOUND, "no such pool for this ScaledObject")
    raise AssertionError  # abort raises


async def serve_scaler(scaler: Scaler, address: str) -> tuple[grpc.aio.Server, int]:
    """Start the server; return it with the port it got."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", _MOST_MESSAGE),
            ("grpc.so_reuseport", 0),
            # After a restart every stream comes back at once; beyond 3,000 they would be refused.
            ("grpc.server.max_pending_requests", WAITING_CALLS),
            ("grpc.server.max_pending_requests_hard_limit", WAITING_CALLS),
        ]
    )
    add_ExternalScalerServicer_to_server(scaler, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port(address)
    await server.start()
    return server, port
