"""
B11: from a submit on an empty pool to the `true` that a client of `StreamIsActive` reads.

As many ScaledObjects as asked for hold a stream each to one gateway process, as KEDA does; runs
are submitted one after the other, each to a pool that has had none. Beside it a poller asks
`IsActive` once a second, begun at a random moment; one at 30 s, KEDA's default, waits 15 s on
average by construction and is not run. One JSON line per result.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import grpc.aio

import durability
from b9_start import ROOT  # noqa: F401 -- it leads to the tests' support
from doors import Door, gateway
from gateway_rows import row
from headrace_contract.compiled import (
    CompiledPipeline,
    CompiledPool,
    CompiledPython,
    CompiledRetry,
    CompiledStep,
)
from headrace_gateway.externalscaler_pb2 import ScaledObjectRef
from headrace_gateway.externalscaler_pb2_grpc import ExternalScalerStub
from headrace_ledger.client import Ledger
from headrace_ledger.declared import TenantRow
from headrace_ledger.embedded import EmbeddedLedger
from pairs import Ratio, say
from processes import Process
from timed import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

TENANT: Final = "bench"
POLL_SECONDS: Final = 1.0
PATIENCE: Final = 60.0
PUSHES: Final = 40
POLLS: Final = 20
IDLE_SECONDS: Final = 10.0
RATIO: Final = 1 / 20
P99_MS: Final = 50.0
P99_AMBITION_MS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Streams:
    """The open streams, and when each of them first said `true`."""

    stub: ExternalScalerStub
    woken: dict[int, float]
    bells: dict[int, asyncio.Event]


@dataclass
class Scene:
    """What one series works with; `fresh` gives pools that have had no work."""

    door: Door
    postgres: Process
    key: str
    wire: Wire
    streams: Streams
    fresh: Iterator[int]

    async def submit(self, number: int, wire: Wire) -> float:
        """Accept a run; return when its request was sent."""
        path = f"/v1/namespaces/{TENANT}/pipelines/p{number}/runs"
        began = time.perf_counter()
        told = await wire.post(path, b'{"text": "' + b"x" * 146 + b'"}', self.key)
        assert told.status == 202, told.body
        return began

    async def push(self) -> float:
        """Return the seconds from a submit to the stream's `true`."""
        number = next(self.fresh)
        assert number not in self.streams.woken
        began = await self.submit(number, self.wire)
        async with asyncio.timeout(PATIENCE):
            await self.streams.bells[number].wait()
        return self.streams.woken[number] - began

    async def poll(self, phase: float) -> float:
        """Return the seconds from a submit to the poll that sees it."""
        number = next(self.fresh)
        wire = await Wire.to(self.door.port)
        begin = time.perf_counter() + 0.1
        seen = asyncio.ensure_future(self._poll(number, begin))
        await asyncio.sleep(begin + phase - time.perf_counter())
        began = await self.submit(number, wire)
        await wire.close()
        return await seen - began

    async def _poll(self, number: int, begin: float) -> float:
        for turn in itertools.count():
            await asyncio.sleep(max(0, begin + turn * POLL_SECONDS - time.perf_counter()))
            if (await self.streams.stub.IsActive(ref(number))).result:
                return time.perf_counter()
        raise AssertionError


def ref(number: int) -> ScaledObjectRef:
    said = {"namespace": TENANT, "pipeline": f"p{number}", "pool": "main"}
    return ScaledObjectRef(name="scale-main", namespace=TENANT, scalerMetadata=said)


async def declare(ledger: EmbeddedLedger, count: int) -> None:
    """Declare pipelines of one pool each, as the operator would."""
    operator = await Ledger.connect(ledger.operator_url, role="operator")
    try:
        await operator.put_tenant(TenantRow(TENANT, TENANT, (TENANT,)))
        left = iter(range(count))

        async def some() -> None:
            for number in left:
                await operator.put_pipeline(row(pipeline(number)))

        await asyncio.gather(*(some() for _ in range(8)))
    finally:
        await operator.close()
    admin = await asyncpg.connect(ledger.admin_url)
    try:
        await admin.execute("ANALYZE")
    finally:
        await admin.close()


def pipeline(number: int) -> CompiledPipeline:
    python = CompiledPython(function="m:f")
    step = CompiledStep(name="s", type="Python", pool="main", timeout_seconds=60, python=python)
    pool = CompiledPool(name="main", concurrency_per_worker=4, max_replicas=4, drain_seconds=5)
    return CompiledPipeline(
        tenant=TENANT,
        namespace=TENANT,
        name=f"p{number}",
        uid=f"uid-{number}",
        generation=1,
        input_max_bytes=1000,
        steps=[step],
        pools=[pool],
        retry=CompiledRetry(max_attempts=3, initial_seconds=1, max_seconds=1),
        run_seconds=3600,
        result_seconds=3600,
    ).sealed()


@contextlib.asynccontextmanager
async def open_streams(door: Door, count: int) -> AsyncIterator[Streams]:
    """Hold a stream for every pool; enter when each has said that its pool is empty."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{door.scaler_port}") as channel:
        stub = ExternalScalerStub(channel)  # type: ignore[no-untyped-call]  # generated
        bells = {number: asyncio.Event() for number in range(count)}
        streams = Streams(stub, {}, bells)
        empty = [asyncio.Event() for _ in range(count)]
        tasks = [
            asyncio.ensure_future(_read(streams, number, empty[number])) for number in range(count)
        ]
        try:
            await _all_empty(tasks, empty)
            yield streams
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _all_empty(tasks: list[asyncio.Future[None]], empty: list[asyncio.Event]) -> None:
    everyone = asyncio.gather(*(each.wait() for each in empty))
    await asyncio.wait({everyone, *tasks}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    broken = next((task for task in tasks if task.done()), None)
    if broken is not None:
        await broken  # a stream has failed, and says why
    assert everyone.done(), "not every stream has spoken"


async def _read(streams: Streams, number: int, empty: asyncio.Event) -> None:
    async for said in streams.stub.StreamIsActive(ref(number)):
        empty.set()
        if said.result and number not in streams.woken:
            streams.woken[number] = time.perf_counter()
            streams.bells[number].set()


async def series(scene: Scene, count: int, pairs: int) -> bool:
    """Alternate pushes and polls; then see what nothing costs."""
    rng = random.Random(9)
    for _ in range(5):
        await scene.push()
    before = scene.door.process.cpu, scene.postgres.cpu
    pushes: list[list[float]] = []
    polls: list[list[float]] = []
    asked = 5
    for _ in range(pairs):
        pushes.append([await scene.push() for _ in range(PUSHES)])
        phases = [rng.uniform(0, POLL_SECONDS) for _ in range(POLLS)]
        polls.append(list(await asyncio.gather(*(scene.poll(phase) for phase in phases))))
        asked += PUSHES + POLLS
    after = scene.door.process.cpu, scene.postgres.cpu
    assert len(scene.streams.woken) == asked, "a stream woke without work, or slept through it"
    ratio = Ratio(
        [statistics.mean(a) / statistics.mean(b) for a, b in zip(pushes, polls, strict=True)]
    ).at_most(RATIO)
    every = sorted(itertools.chain(*pushes))
    p99 = 1000 * every[int(0.99 * (len(every) - 1))]
    idle = await idle_cost(scene)
    say(
        bench="B11",
        figure=f"submit → activation over a poller at 1 s, {count} ScaledObjects",
        **ratio,
        push_ms={"p50": round(1000 * statistics.median(every), 2), "p99": round(p99, 2)},
        p99_floor=f"<= {P99_MS:g}",
        p99_holds=p99 <= P99_MS,
        p99_ambition=f"<= {P99_AMBITION_MS:g}",
        ambition_holds=p99 <= P99_AMBITION_MS,
        poller_ms={"mean": round(1000 * statistics.mean(itertools.chain(*polls)))},
        over_a_poller_at_30_s=round(statistics.mean(every) / 15.0, 5),
        cpu_ms_per_activation={
            "gateway": round(1000 * (after[0] - before[0]) / (asked - 5), 2),
            "postgres": round(1000 * (after[1] - before[1]) / (asked - 5), 2),
        },
        idle_cpu_percent=idle,
        gateway_rss_mib=round(scene.door.process.rss / 2**20, 1),
    )
    return bool(ratio["holds"]) and p99 <= P99_MS


async def idle_cost(scene: Scene) -> dict[str, float]:
    """Watch for a while, with every stream open and nothing to tell."""
    before = scene.door.process.cpu, scene.postgres.cpu
    await asyncio.sleep(IDLE_SECONDS)
    after = scene.door.process.cpu, scene.postgres.cpu
    gateway, postgres = (100 * (b - a) / IDLE_SECONDS for a, b in zip(before, after, strict=True))
    return {"gateway": round(gateway, 1), "postgres": round(postgres, 1)}


async def measure(folder: Path, count: int, pairs: int) -> bool:
    pools = max(count, 5 + pairs * (PUSHES + POLLS))
    with EmbeddedLedger() as ledger:
        await declare(ledger, pools)
        assert ledger._guard is not None
        postgres = Process(ledger._guard, folder / "none.log")
        settings: dict[str, Any] = await asyncio.to_thread(
            durability.of_postgres, ledger.gateway_url
        )
        say(bench="B11", settings={"ours": settings, "cores": os.cpu_count()})
        with gateway(ledger, folder) as door:
            key = await asyncio.to_thread(door.key, TENANT)
            wire = await Wire.to(door.port)
            async with open_streams(door, pools) as streams:
                scene = Scene(door, postgres, key, wire, streams, iter(range(pools)))
                good = await series(scene, pools, pairs)
            await wire.close()
    return good


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--pairs", type=int, default=5)
    given.add_argument("--objects", type=int, nargs="*", default=[500, 5000])
    asked = given.parse_args()
    good = []
    for count in asked.objects:
        with tempfile.TemporaryDirectory() as name:
            good.append(asyncio.run(measure(Path(name), count, asked.pairs)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
