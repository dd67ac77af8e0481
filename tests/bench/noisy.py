"""
noisy: how much a tenant of 100,000 queued runs slows another that shares its ledger.

The quiet tenant sends a run at a fixed rate and takes it from its submit to its end: accept,
claim, reserve of a limit that both share, settle, complete. Beside it another process works at a
fixed rate on the runs of another tenant, which get as many again as it ends: of 100,000 in one
series, of a hundred in the other, so that both have the same work beside them. A third has none.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

HERE: Final = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "support"))

import ledger_rows as make  # noqa: E402 -- the path above leads to it
from headrace_ledger.client import Ledger  # noqa: E402 -- as above
from headrace_ledger.declared import LimitRow, PipelineRow  # noqa: E402 -- as above
from headrace_ledger.embedded import EmbeddedLedger  # noqa: E402 -- as above
from headrace_ledger.reservations import Draw  # noqa: E402 -- as above
from pairs import InexactError, ratio_of, say  # noqa: E402 -- as above
from processes import started  # noqa: E402 -- as above

if TYPE_CHECKING:
    from headrace_ledger.records import LeaseRecord

ALONE: Final = "alone"
SAME: Final = "beside the same work, 100 runs queued"
CROWD: Final = "beside a tenant of 100,000 queued runs"
QUEUED: Final = {SAME: 100, CROWD: 100_000}
CEILING: Final = 2.0
WARM: Final = 400
"""Connections are made as they are needed, and each plans every statement once."""
AT_WORK: Final = "at work"

Facts = dict[str, float]


@dataclass(frozen=True)
class Worker:
    """Who takes runs of one tenant from their submit to their end."""

    ledger: Ledger
    row: PipelineRow
    pool: int
    draw: Draw

    @classmethod
    async def of(cls, ledger: Ledger, row: PipelineRow) -> Worker:
        [pool] = [one.pool_id for one in await ledger.pools() if one.pipeline_uid == row.uid]
        [limit] = await ledger.limits_of(row.tenant)
        return cls(ledger, row, pool, Draw(limit.tenant, limit.id, limit.resource, 1))

    async def turn(self) -> tuple[float, float]:
        """Return the seconds from submit to end, and those of the reserve."""
        began = time.perf_counter()
        said = await self.ledger.accept_one(make.submit(self.row))
        leases: list[LeaseRecord] = []
        while not leases:  # two who claim at once may both be at the same run
            [leases] = await self.ledger.claim([make.wish(self.row.tenant, self.pool)])
        wish = make.reserve(self.row.tenant, self.draw)
        asked = time.perf_counter()
        reserved = await self.ledger.reserve(wish)
        took = time.perf_counter() - asked
        await self.ledger.settle(make.settlement(wish))
        done = await self.ledger.complete_one(make.completion(leases[0]))
        if (said.outcome, reserved.outcome, done.outcome) != ("Accepted", "Reserved", "Done"):
            message = f"{said}, {reserved}, {done}"
            raise InexactError(message)
        return time.perf_counter() - began, took


async def paced(worker: Worker, turns: int, rate: float) -> list[tuple[float, float]]:
    """Begin a turn on time, whether or not the one before has ended."""
    began = asyncio.get_running_loop().time()

    async def one(number: int) -> tuple[float, float]:
        await asyncio.sleep(began + number / rate - asyncio.get_running_loop().time())
        return await worker.turn()

    return await asyncio.gather(*(one(n) for n in range(turns)))


async def declared(server: EmbeddedLedger) -> dict[str, PipelineRow]:
    """Declare a tenant per side with a limit that all share; queue the runs of the noisy ones."""
    operator = await Ledger.connect(server.operator_url, role="operator", max_size=2)
    gateway = await Ledger.connect(server.gateway_url, role="gateway")
    shared = LimitRow("rpm", "requests", "1m", 10**12)
    await operator.put_limits(make.limits("_platform", shared, owner="provider/p"))
    rows = {}
    for side in (ALONE, SAME, CROWD):
        tenant = make.fresh("tenant")
        await operator.put_tenant(make.tenant(tenant))
        rows[side] = make.pipeline(tenant)
        await operator.put_pipeline(rows[side])
        for _ in range(QUEUED.get(side, 0) // 100):
            await gateway.accept([make.submit(rows[side]) for _ in range(100)])
    await gateway.close()
    await operator.close()
    return rows


async def quiet(url: str, row: PipelineRow, options: argparse.Namespace) -> Facts:
    ledger = await Ledger.connect(url, role="gateway")
    try:
        worker = await Worker.of(ledger, row)
        took = (await paced(worker, WARM + options.turns, options.rate))[WARM:]
    finally:
        await ledger.close()
    facts = {}
    for name, seconds in zip(("run", "reserve"), zip(*took, strict=True), strict=True):
        facts[f"{name}_p50_ms"] = 1000 * statistics.median(seconds)
        facts[f"{name}_p99_ms"] = 1000 * sorted(seconds)[int(len(seconds) * 0.99)]
    return facts


async def noise(url: str, uid: str, tenant: str, rate: float) -> None:
    """Work on the runs of a tenant until the process is ended."""
    ledger = await Ledger.connect(url, role="gateway")
    worker = await Worker.of(ledger, make.pipeline(tenant, name=uid.removeprefix("uid-of-")))
    while True:
        await paced(worker, int(rate), rate)
        print(AT_WORK, flush=True)


@contextlib.contextmanager
def beside(
    server: EmbeddedLedger, row: PipelineRow | None, options: argparse.Namespace, log: Path
) -> Iterator[None]:
    if row is None:
        yield
        return
    words = [sys.executable, __file__, "--noise", server.gateway_url, row.uid, row.tenant]
    log.write_text("")
    with started([*words, "--noise-rate", str(options.noise_rate)], {}, log) as process:
        process.until(lambda: AT_WORK in log.read_text())
        yield


def one_round(
    server: EmbeddedLedger, rows: dict[str, PipelineRow], options: argparse.Namespace, log: Path
) -> dict[str, Facts]:
    found = {}
    for side in (ALONE, SAME, CROWD):
        with beside(server, rows[side] if side in QUEUED else None, options, log):
            found[side] = uvloop.run(quiet(server.gateway_url, rows[ALONE], options))
        say(bench="noisy", side=side, **{name: round(one, 3) for name, one in found[side].items()})
    return found


def verdicts(rounds: list[dict[str, Facts]]) -> Iterator[bool]:
    for name, figure in (("run", "submit to complete"), ("reserve", "reserve")):
        for other in (ALONE, SAME):
            for part in ("p50", "p99"):
                key = f"{name}_{part}_ms"
                ratio = ratio_of(rounds, CROWD, other, itemgetter(key))
                assert ratio is not None
                told: dict[str, Any] = ratio.at_most(CEILING) if part == "p99" else ratio.facts()
                yield say(bench="noisy", series=f"{figure}, {part}", over=other, **told)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--noise-rate", type=float, default=100.0)
    parser.add_argument("--noise", nargs=3, metavar=("URL", "UID", "TENANT"))
    options = parser.parse_args()
    if options.noise:
        url, uid, tenant = options.noise
        uvloop.run(noise(url, uid, tenant, options.noise_rate))
    with EmbeddedLedger() as server, tempfile.TemporaryDirectory() as folder:
        rows = uvloop.run(declared(server))
        log = Path(folder) / "noise.log"
        rounds = [one_round(server, rows, options, log) for _ in range(options.pairs)]
    return 0 if all([*verdicts(rounds)]) else 1


if __name__ == "__main__":
    sys.exit(main())
