"""
B3: 20,000 runs that do nothing, drained by one worker process; beside task queues over Redis.

Ours is the worker's own program (its claims, slots, heartbeats, log lines, chains and completes)
with a step whose runner only counts, through one gateway program to PostgreSQL: each run is claimed
with a lease, runs once, and has its result, events and counters on disk before it is over. Time
runs from the first handler's entry until the last run is settled in the ledger.

The peers count in their handler and keep no result; time runs from the first entry to the last.
First all of them drain a part, then the fastest alternates with ours. Every side logs what it logs
by default, to a file; taskiq is shown without its line per job too. Redis is Debian's as it comes
(no append-only file), and a second time with `appendfsync always`. Claim size is the number of free
slots that a claim names: the worker's concurrency.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durability import disk_sync_ms, of_postgres
from pairs import InexactError, ratio_of, say
from queues import ALL, TASKIQ_SILENT, Queue, redis_server
from stack import Stack, serving_stack
from tally import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack import Declared

FLOOR = 3.0
FLOOR_BACKLOG = 0.7


@dataclass(frozen=True, slots=True)
class Drained:
    """One drain."""

    runs: int
    seconds: float
    cpu_us: dict[str, float]

    @property
    def rate(self) -> float:
        return self.runs / self.seconds

    def facts(self) -> dict[str, Any]:
        cpu = {name: round(value, 1) for name, value in self.cpu_us.items()}
        return {"runs_per_second": round(self.rate), "runs": self.runs, "cpu_us_per_run": cpu}


def ours(stack: Stack, runs: int, slots: int, backlog: int = 0) -> Drained:
    """Drain so many runs of a pipeline that has `backlog` more of them."""
    declared = stack.declare()
    stack.fill(declared, runs + backlog)
    tally = stack.folder / f"{declared.compiled.name}.json"
    with stack.gateway() as gateway:
        with stack.worker(declared, slots, tally, runs) as worker:
            worker.until(tally.with_suffix(".began").exists)
            before = (worker.cpu, gateway.cpu, stack.postgres_cpu())
            worker.until(tally.exists, 600)
            if not backlog:
                worker.until(lambda: stack.left(declared) == 0)
            settled = time.monotonic()
            after = (worker.cpu, gateway.cpu, stack.postgres_cpu())
        seen = Seen.read(tally)
        exact(stack, declared, seen, runs + backlog)
    end = seen.at(runs - 1) if backlog else settled
    cpu = dict(zip(("worker", "gateway", "postgres"), per_run(before, after, runs), strict=True))
    return Drained(runs, end - seen.at(0), cpu)


def exact(stack: Stack, declared: Declared, seen: Seen, accepted: int) -> None:
    """Compare what the handler saw with what the ledger holds, after the worker has gone."""
    twice = len(seen.entries) - len({number for number, _, _ in seen.entries})
    rows = stack.rows(
        "SELECT r.status, t.state, t.fence, count(*) FROM headrace.runs r"
        " JOIN headrace.tasks t ON t.tenant = r.tenant AND t.run = r.id"
        " JOIN headrace.pipelines p ON p.tenant = r.tenant AND p.id = r.pipeline"
        " WHERE p.uid = $1 GROUP BY 1, 2, 3",
        declared.row.uid,
    )
    found = {tuple(row)[:3]: row[3] for row in rows}
    done = found.pop(("Succeeded", "done", 1), 0)
    waiting = sum(found.values())
    if twice or done != len(seen.entries) or done + waiting != accepted or stack.drift():
        message = f"{twice} twice; {done} done of {len(seen.entries)} entered, else {found}"
        raise InexactError(message)


def theirs(queue: Queue, dump: Path, runs: int, *, log_always: bool = False) -> Drained:
    """Drain what a dump of Redis holds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(dump, folder / "dump.rdb")
        with redis_server(folder) as redis:
            if log_always:
                redis.log_always()
            tally = folder / "tally.json"
            with queue.worker(queue.env(redis, tally, runs), folder / "worker.log") as worker:
                worker.until(tally.with_suffix(".began").exists)
                before = (worker.cpu, redis.process.cpu)
                worker.until(tally.exists, 600)
                after = (worker.cpu, redis.process.cpu)
            seen = Seen.read(tally)
    if flaw := seen.flaw(range(runs)):
        raise InexactError(flaw)
    cpu = dict(zip(("worker", "redis"), per_run(before, after, runs), strict=True))
    return Drained(runs, seen.at(runs - 1) - seen.at(0), cpu)


def per_run(before: tuple[float, ...], after: tuple[float, ...], runs: int) -> Iterator[float]:
    return ((b - a) * 1e6 / runs for a, b in zip(before, after, strict=True))


def dump_of(queue: Queue, runs: int, to: Path) -> Path:
    """Fill a queue once, and keep Redis's own dump of it."""
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as redis:
        queue.submit(queue.env(redis, Path(name) / "none", runs), "fill", str(runs))
        return shutil.copy(redis.save(), to)


def fastest(part: int, folder: Path) -> Queue:
    """Let every peer drain a part of it; return the one to beat."""
    rates: dict[Queue, float] = {}
    for queue in (*ALL, TASKIQ_SILENT):
        drained = theirs(queue, dump_of(queue, part, folder / "part.rdb"), part)
        rates[queue] = drained.rate
        say(bench="B3", side=queue.name, **drained.facts(), versions=queue.versions())
    return max(ALL, key=lambda queue: rates[queue])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--backlog", type=int, default=40_000)
    parser.add_argument("--part", type=int, default=5_000, help="of the first round of all peers")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        best = fastest(asked.part, Path(name))
        dump = dump_of(best, asked.runs, Path(name) / "all.rdb")
        rounds = [one_round(best, dump, asked) for _ in range(asked.pairs)]
    return 0 if all([*verdicts(rounds, best)]) else 1


def verdicts(rounds: list[dict[str, Drained]], best: Queue) -> Iterator[bool]:
    """Print every ratio; yield whether its floor holds."""
    for series in SERIES:
        for peer in (best.name, f"{best.name}, appendfsync always"):
            if ratio := ratio_of(rounds, series, peer, lambda drained: drained.rate):
                gated = peer == best.name and series in GATED
                facts = ratio.at_least(FLOOR) if gated else ratio.facts()
                yield say(bench="B3", series=series, over=peer, **facts)
    deep, shallow = "claim size 1, backlog", "claim size 1"
    if ratio := ratio_of(rounds, deep, shallow, lambda drained: drained.rate):
        yield say(bench="B3", series=deep, over=shallow, **ratio.at_least(FLOOR_BACKLOG))


SERIES = {
    "claim size 32": (32, False),
    "claim size 100": (100, False),
    "claim size 32, backlog": (32, True),
    "claim size 1": (1, False),
    "claim size 1, backlog": (1, True),
}
GATED = ("claim size 32", "claim size 100", "claim size 32, backlog")


def one_round(best: Queue, dump: Path, asked: argparse.Namespace) -> dict[str, Drained]:
    """Drain by ours in each series, then by the peer on both kinds of Redis."""
    found: dict[str, Drained] = {}

    def take(side: str, drain: Callable[[], Drained], **more: Any) -> None:
        try:
            found[side] = drain()
            say(bench="B3", side=side, **found[side].facts(), **more)
        except InexactError as exc:
            say(bench="B3", side=side, inexact=str(exc))

    with tempfile.TemporaryDirectory() as name, serving_stack(Path(name)) as stack:
        held = {**of_postgres(stack.postgres.gateway_url), "disk_sync_ms": disk_sync_ms()}
        for series, (slots, deep) in SERIES.items():
            # One by one takes longer, and its rate does not depend on how many there are.
            runs = asked.runs if slots > 1 else asked.runs // 20
            backlog = asked.backlog if deep else 0
            take(series, lambda r=runs, s=slots, b=backlog: ours(stack, r, s, b), durability=held)
    take(best.name, lambda: theirs(best, dump, asked.runs))
    always = f"{best.name}, appendfsync always"
    take(always, lambda: theirs(best, dump, asked.runs, log_always=True))
    return found


if __name__ == "__main__":
    sys.exit(main())
