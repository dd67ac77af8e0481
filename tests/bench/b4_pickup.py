"""
B4: from submit to the handler's first line, at a low fixed rate; beside taskiq and saq over Redis.

The clock starts before the client sends and stops as the handler begins; runs are sent on time
whether or not answers came back. Ours: HTTP to the gateway, the run on disk, the claim that waits
there served, its lease on disk, the worker's own program. Two commits lie on the path; the peers'
Redis has none (Debian's as it comes). A second series has 40,000 runs of other pipelines waiting
in the same ledger.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durability import disk_sync_ms, of_postgres
from pairs import InexactError, ratio_of, say
from queues import SAQ, TASKIQ, Queue, redis_server
from stack import Stack, serving_stack
from submits import submit
from tally import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WARM = 50
SETTLE = 50  # of those at the fixed rate, while the client's connections open
SLOTS = 32
CEILING = 1.0
CEILING_BACKLOG = 3.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seen: Seen, count: int) -> Latency:
        if flaw := seen.flaw(range(WARM, WARM + count)):
            raise InexactError(flaw)
        values = seen.latencies_ms(WARM + SETTLE)
        return cls(statistics.median(values), values[int(len(values) * 0.99)], values[-1])

    def facts(self) -> dict[str, Any]:
        return {f"{name}_ms": round(getattr(self, name), 2) for name in ("p50", "p99", "worst")}


def ours(stack: Stack, count: int, rate: float) -> Latency:
    declared = stack.declare()
    tally = stack.folder / f"{declared.compiled.name}.json"
    with (
        stack.gateway() as gateway,
        stack.worker(declared, SLOTS, tally, count, WARM) as worker,
    ):
        asked = {"port": stack.port, "path": declared.path, "key": stack.api_key}
        submit(stack.folder, how="storm", count=WARM, prefix="warm", **asked)
        worker.until(lambda: stack.left(declared) == 0)
        paced = {"how": "pace", "count": count, "rate": rate, "first": WARM, "prefix": "b4"}
        submit(stack.folder, **paced, **asked)
        gateway.until(tally.exists)
        worker.until(lambda: stack.left(declared) == 0)
    return Latency.of(Seen.read(tally), count)


def theirs(queue: Queue, count: int, rate: float) -> Latency:
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as redis:
        tally = Path(name) / "tally.json"
        env = queue.env(redis, tally, count, WARM)
        with queue.worker(env, Path(name) / "worker.log") as worker:
            queue.submit(env, "pace", str(WARM), str(rate), "0")
            worker.until(tally.with_suffix(".began").exists)
            queue.submit(env, "pace", str(count), str(rate), str(WARM))
            worker.until(tally.exists)
        return Latency.of(Seen.read(tally), count)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=500, help="of each side in each pair")
    parser.add_argument("--rate", type=float, default=100.0, help="runs a second")
    parser.add_argument("--backlog", type=int, default=40_000)
    asked = parser.parse_args()
    found = [one_round(asked) for _ in range(asked.pairs)]
    return 0 if all([*verdicts(found)]) else 1


def verdicts(rounds: list[dict[str, Latency]]) -> Iterator[bool]:
    """Print every ratio; yield whether its floor holds."""
    for name, of in {"p50": lambda one: one.p50, "p99": lambda one: one.p99}.items():
        for queue in (TASKIQ, SAQ):
            if ratio := ratio_of(rounds, "empty", queue.name, of):
                facts = ratio.at_most(CEILING)
                yield say(bench="B4", series=f"{name}, empty", over=queue.name, **facts)
    if deep := ratio_of(rounds, "backlog", "empty", lambda one: one.p99):
        facts = deep.at_most(CEILING_BACKLOG)
        yield say(bench="B4", series="p99, backlog", over="p99, empty", **facts)


def one_round(asked: argparse.Namespace) -> dict[str, Latency]:
    found: dict[str, Latency] = {}

    def take(side: str, measure: Callable[[], Latency], **more: Any) -> None:
        try:
            found[side] = measure()
            facts = found[side].facts()
            say(bench="B4", side=side, runs=asked.runs, rate=asked.rate, **facts, **more)
        except InexactError as exc:
            say(bench="B4", side=side, inexact=str(exc))

    with tempfile.TemporaryDirectory() as name, serving_stack(Path(name)) as stack:
        held = {**of_postgres(stack.postgres.gateway_url), "disk_sync_ms": disk_sync_ms()}
        take("empty", lambda: ours(stack, asked.runs, asked.rate), durability=held)
        for queue in (TASKIQ, SAQ):
            take(
                queue.name,
                lambda queue=queue: theirs(queue, asked.runs, asked.rate),
                versions=queue.versions(),
            )
        stack.fill(stack.declare(), asked.backlog)
        take("backlog", lambda: ours(stack, asked.runs, asked.rate))
    return found


if __name__ == "__main__":
    sys.exit(main())
