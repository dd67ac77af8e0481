"""
The ledger's figures: `python tests/bench/ledger/figures.py [--backlog 1000000] [--seconds 3]`.

Every figure is taken as the role headrace_gateway under forced row-level security, with fsync on
and every answered write on disk, from one process (uvloop) beside the server on the same machine.
One line of JSON a figure. Nothing here is part of `make test`.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import asyncpg
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

import ledger_rows as make
from headrace_ledger.client import Ledger
from headrace_ledger.declared import PipelineRow
from headrace_ledger.embedded import EmbeddedLedger
from headrace_ledger.submits import Submit
from pairs import say

CONNECTIONS = 8


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str
    floor: str
    holds: bool | None
    note: str = ""


@dataclass(frozen=True)
class Bench:
    server: EmbeddedLedger
    gateway: Ledger
    operator: Ledger
    seconds: float

    async def pipeline(
        self, *steps: make.EdgeRow, tenant: str = "bench"
    ) -> tuple[PipelineRow, dict[str, int]]:
        await self.operator.put_tenant(make.tenant(tenant))
        row = make.pipeline(tenant, *steps)
        await self.operator.put_pipeline(row)
        pools = {p.pool: p.pool_id for p in await self.gateway.pools() if p.pipeline_uid == row.uid}
        return row, pools

    async def rate(self, one: Callable[[], Awaitable[int]], workers: int) -> float:
        """Run `one` from so many workers for a while; it returns how many things it did."""
        done, until = 0, time.perf_counter() + self.seconds

        async def loop() -> None:
            nonlocal done
            while time.perf_counter() < until:
                more = await one()  # not in one line: `done` would be read before the wait
                done += more

        start = time.perf_counter()
        await asyncio.gather(*(loop() for _ in range(workers)))
        return done / (time.perf_counter() - start)

    async def fill(self, row: PipelineRow, runs: int) -> float:
        """Accept so many runs, in groups of 500; return runs per second."""
        left, start = runs, time.perf_counter()

        async def loop() -> None:
            nonlocal left
            while left > 0:
                n = min(500, left)
                left -= n
                await self.gateway.accept([make.submit(row) for _ in range(n)])

        await asyncio.gather(*(loop() for _ in range(3)))
        return runs / (time.perf_counter() - start)


async def bare_inserts(bench: Bench) -> float:
    admin = await asyncpg.connect(bench.server.admin_url)
    await admin.execute(
        "CREATE TABLE IF NOT EXISTS public.bare (id bigserial PRIMARY KEY, body text)"
    )
    await admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO headrace_gateway")
    await admin.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO headrace_gateway")
    await admin.close()
    pool = bench.gateway._caller.pool
    body = '{"topic": "rivers"}'

    async def one() -> int:
        await pool.fetch("INSERT INTO public.bare (body) VALUES ($1)", body)
        return 1

    return await bench.rate(one, CONNECTIONS)


async def accepts(bench: Bench) -> list[Figure]:
    row, _ = await bench.pipeline()

    def prepared(per_second: int) -> Iterator[Submit]:
        """Make more runs than can be accepted, so that making them is not what is measured."""
        return iter([make.submit(row) for _ in range(int(per_second * bench.seconds))])

    async def single(runs: Iterator[Submit]) -> float:
        async def one() -> int:
            return len(await bench.gateway.accept([next(runs)]))

        return await bench.rate(one, CONNECTIONS)

    async def groups_of_64(runs: Iterator[Submit], callers: int) -> float:
        async def group() -> int:
            return len(await bench.gateway.accept(list(islice(runs, 64))))

        return await bench.rate(group, callers)

    # Alternating rounds, so that both sides see the same neighbours.
    bare, own = [], []
    for _ in range(3):
        bare.append(await bare_inserts(bench))
        own.append(await single(prepared(20_000)))
    base, mine = statistics.median(bare), statistics.median(own)
    groups = max([await groups_of_64(prepared(120_000), n) for n in (2, 3, 4)])
    return [
        Figure("bare one-row INSERT, 8 connections", base, "/s", "", None),
        Figure("accept, one commit each, 8 connections", mine, "/s", "", None),
        Figure(
            "the same as a share of the bare INSERT", mine / base, "x", ">= 0.6", mine / base >= 0.6
        ),
        Figure("accept in groups of 64", groups, "/s", ">= 40000", groups >= 40_000),
    ]


async def claim_latency(bench: Bench, row: PipelineRow, pool: int) -> float:
    """p50 in ms of a claim of one on one connection."""
    took = []
    for _ in range(600):
        wish = make.wish(row.tenant, pool)
        start = time.perf_counter()
        [[_]] = await bench.gateway.claim([wish])
        took.append(time.perf_counter() - start)
    return statistics.median(took[100:]) * 1000


async def claims(bench: Bench, backlog: int) -> list[Figure]:
    figures, p50 = [], {}
    for size in (2_000, 100_000, backlog):
        row, pools = await bench.pipeline()
        pool = pools["default"]
        filled = await bench.fill(row, size)
        if size == 2_000:
            # down to 1,000, so that the backlog is about 1,000 while it is measured
            await bench.gateway.claim([make.wish(row.tenant, pool, slots=1) for _ in range(400)])
        p50[size] = await claim_latency(bench, row, pool)
        note = f"filled at {filled:,.0f} runs/s"
        figures.append(
            Figure(f"claim of one, p50 at a backlog of {size:,}", p50[size], "ms", "", None, note)
        )
        if size == 100_000:

            async def one(row: PipelineRow = row, pool: int = pool) -> int:
                [[_]] = await bench.gateway.claim([make.wish(row.tenant, pool)])
                return 1

            rate = await bench.rate(one, CONNECTIONS)
            figures.append(
                Figure(
                    "claim of one at 100,000, 8 connections", rate, "/s", ">= 3000", rate >= 3000
                )
            )
    ratio = p50[backlog] / p50[2_000]
    figures.append(
        Figure(f"p50 at {backlog:,} over p50 at 1,000", ratio, "x", "<= 1.3", ratio <= 1.3)
    )
    return figures


async def drains(bench: Bench) -> list[Figure]:
    row, pools = await bench.pipeline()
    pool = pools["default"]
    best = 0.0
    for size, loops in ((64, 2), (64, 4), (100, 3)):
        await bench.fill(row, int(15_000 * bench.seconds))

        async def batch(size: int = size) -> int:
            [leases] = await bench.gateway.claim([make.wish(row.tenant, pool, slots=size)])
            await bench.gateway.complete([make.completion(lease) for lease in leases])
            return len(leases)

        best = max(best, await bench.rate(batch, loops))
    return [Figure("claim + complete in batches, one process", best, "/s", ">= 7000", best >= 7000)]


async def chain(bench: Bench) -> list[Figure]:
    steps = [make.edge("s1")] + [make.edge(f"s{n}", f"s{n - 1}") for n in range(2, 8)]
    row, pools = await bench.pipeline(*steps)
    pool, took = pools["default"], []
    until = time.perf_counter() + bench.seconds
    while time.perf_counter() < until:
        await bench.gateway.accept([make.submit(row)])
        [[lease]] = await bench.gateway.claim([make.wish(row.tenant, pool)])
        while lease is not None:
            done = make.completion(lease, '"' + "x" * 500 + '"', next_key_hash=make.key())
            start = time.perf_counter()
            [answer] = await bench.gateway.complete([done])
            took.append(time.perf_counter() - start)
            lease = answer.next
    p50 = statistics.median(took) * 1000
    return [Figure("checkpointed step, p50 on one connection", p50, "ms", "<= 0.5", p50 <= 0.5)]


async def measure(options: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = []
    with EmbeddedLedger(options.data) as server:
        operator = await Ledger.connect(
            server.operator_url, role="operator", min_size=1, max_size=1
        )
        gateway = await Ledger.connect(server.gateway_url, role="gateway", min_size=8, max_size=8)
        bench = Bench(server, gateway, operator, options.seconds)
        for part in options.only or ("chain", "accepts", "drains", "claims"):
            work = claims(bench, options.backlog) if part == "claims" else PARTS[part](bench)
            found = await work
            for figure in found:
                show(figure)
            figures += found
        assert not await gateway.audit(), "counters differ from rows"
        await gateway.close()
        await operator.close()
    return figures


PARTS = {"chain": chain, "accepts": accepts, "drains": drains}


def show(figure: Figure) -> None:
    """Print one figure as a line of JSON, with the machine's load."""
    told = {"value": round(figure.value, 3), "unit": figure.unit}
    if figure.holds is not None:
        told |= {"floor": f"{figure.floor} {figure.unit}", "holds": figure.holds}
    if figure.note:
        told["note"] = figure.note
    say(bench="ledger", figure=figure.name, **told)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", action="append", choices=[*PARTS, "claims"])
    parser.add_argument(
        "--data", type=Path, help="where the server keeps its data; thrown away by default"
    )
    options = parser.parse_args()
    figures = uvloop.run(measure(options))
    sys.exit(any(f.holds is False for f in figures))


if __name__ == "__main__":
    main()
