"""
B5: POST → on disk → 202 with an id, 64 clients; beside FastAPI before taskiq and before Celery.

All sides check an API key and an idempotency key of each request, and answer with an id; all sides
are asked by the same client program, one request at a time on each of 64 connections. Ours is one
gateway program, which also checks the input against the pipeline's schema, and answers when the run
is on disk. Tenant limits do not exist yet, so they are off. The peers are one uvicorn process with
uvloop and httptools, which answers when Redis has the job (Debian's as it comes: not on disk); the
idempotency key costs them a round trip more, so they are shown without it too.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durability import disk_sync_ms, of_postgres
from pairs import InexactError, ratio_of, say
from peers import FOLDER, python_of, versions_of
from processes import free_port, listens, started
from queues import HERE, redis_server
from stack import serving_stack
from submits import submit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from processes import Process
    from queues import Redis
    from stack import Declared, Stack
    from submits import Submitted

FLOORS = {"taskiq": 3.0, "celery": 8.0}
KEY = "hr_benchkey_a-secret-of-the-bench"
AGAIN = 50
SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Stormed:
    """One storm of submits."""

    submitted: Submitted
    cpu_us: dict[str, float]

    @property
    def rate(self) -> float:
        return self.submitted.rate

    def facts(self) -> dict[str, Any]:
        cpu = {name: round(value, 1) for name, value in self.cpu_us.items()}
        return {"runs_per_second": round(self.rate), "cpu_us_per_run": cpu}


def ours(stack: Stack, gateway: Process, declared: Declared, count: int) -> Stormed:
    asked = {"port": stack.port, "path": declared.path, "key": stack.api_key, "prefix": "storm"}
    submit(stack.folder, how="storm", count=500, **{**asked, "prefix": "warm"})
    before = (gateway.cpu, stack.postgres_cpu())
    storm = submit(stack.folder, how="storm", count=count, **asked)
    after = (gateway.cpu, stack.postgres_cpu())
    again = submit(stack.folder, how="storm", count=AGAIN, **asked)
    rows = stack.rows(
        "SELECT r.id::text FROM headrace.runs r JOIN headrace.pipelines p"
        " ON p.tenant = r.tenant AND p.id = r.pipeline"
        " WHERE p.uid = $1 AND r.idempotency_key LIKE 'storm-%'",
        declared.row.uid,
    )
    exact(storm.ids, again.ids, [row[0] for row in rows])
    return Stormed(storm, per_run(storm, before, after, "gateway", "postgres"))


def theirs(
    peer: str, folder: Path, count: int, *, keyed: bool = True, always: bool = False
) -> Stormed:
    with redis_server(folder) as redis:
        if always:
            redis.log_always()
        with serving(peer, redis, folder) as (port, server):
            asked = {"port": port, "path": "/runs", "key": KEY}
            submit(folder, how="storm", count=200, **asked)
            left = queued(redis, peer)
            prefix = "storm" if keyed else ""
            before = (server.cpu, redis.process.cpu)
            storm = submit(folder, how="storm", count=count, prefix=prefix, **asked)
            after = (server.cpu, redis.process.cpu)
            ids = storm.ids
            again = submit(folder, how="storm", count=AGAIN, prefix=prefix, **asked).ids
            made = queued(redis, peer) - left
            expected = count if keyed else count + AGAIN
            if made != expected or len(set(ids)) != count or (keyed and again != ids[:AGAIN]):
                message = f"{made} queued of {expected}, {len(set(ids))} ids"
                raise InexactError(message)
    return Stormed(storm, per_run(storm, before, after, "server", "redis"))


def exact(ids: list[str], again: list[str], there: list[str]) -> None:
    """Every answered id is a run, every run was answered for, and a key makes one run."""
    if len(set(ids)) != len(ids) or sorted(ids) != sorted(there) or again != ids[:AGAIN]:
        message = f"{len(set(ids))} ids, {len(there)} runs, {again == ids[:AGAIN]} again"
        raise InexactError(message)


def per_run(
    storm: Submitted, before: tuple[float, ...], after: tuple[float, ...], *names: str
) -> dict[str, float]:
    spent = {name: b - a for name, a, b in zip(names, before, after, strict=True)}
    return {k: v * 1e6 / len(storm.ids) for k, v in {**spent, "client": storm.client_cpu}.items()}


@contextlib.contextmanager
def serving(peer: str, redis: Redis, folder: Path) -> Iterator[tuple[int, Process]]:
    port = free_port()
    env = {
        "BENCH_REDIS": redis.url,
        "BENCH_KEY": KEY,
        "PYTHONPATH": f"{HERE}:{FOLDER / peer}",
    }
    words = ["-m", "uvicorn", "web:app", "--port", str(port), "--loop", "uvloop"]
    words += ["--http", "httptools", "--no-access-log"]
    with started([python_of(peer), *words], env, folder / "web.log") as process:
        process.until(lambda: listens(port))
        yield port, process


def queued(redis: Redis, peer: str) -> int:
    return int(redis.ask("LLEN", peer).split()[-1])


def ceiling(folder: Path, count: int) -> float:
    """Say how many requests a second the client itself can make."""
    port = free_port()
    words = [sys.executable, Path(__file__).with_name("bare.py"), str(port)]
    with started(words, {}, folder / "bare.log") as process:
        process.until(lambda: listens(port))
        return submit(folder, how="storm", count=count, port=port, path="/", key=KEY).rate


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--peer-runs", type=int, default=5_000)
    asked = parser.parse_args()
    found: list[dict[str, Stormed]] = []
    with tempfile.TemporaryDirectory() as name, serving_stack(Path(name)) as stack:
        folder = Path(name)
        held = {**of_postgres(stack.postgres.gateway_url), "disk_sync_ms": disk_sync_ms()}
        with redis_server(folder) as redis:
            weaker = redis.facts()
        for peer in FLOORS:
            packages = (peer, "redis", "fastapi", "uvicorn", "uvloop", "httptools")
            say(bench="B5", side=peer, versions=versions_of(peer, *packages), durability=weaker)
        top = ceiling(folder, asked.runs)
        say(bench="B5", side="client", ceiling_per_second=round(top), durability=held)
        found += [one_round(stack, asked) for _ in range(asked.pairs)]
    fastest = max((each["headrace"].rate for each in found if "headrace" in each), default=0)
    if fastest > SHARE * top:
        say(bench="B5", side="client", limits_ours=True)
    return 0 if all([*verdicts(found)]) else 1


def verdicts(rounds: list[dict[str, Stormed]]) -> Iterator[bool]:
    """Print every ratio; yield whether its floor holds."""
    for peer, floor in FLOORS.items():
        for side in (peer, f"{peer}, no idempotency key", f"{peer}, appendfsync always"):
            if ratio := ratio_of(rounds, "headrace", side, lambda storm: storm.rate):
                facts = ratio.at_least(floor) if side == peer else ratio.facts()
                yield say(bench="B5", over=f"FastAPI + {side}", tenant_limits="off", **facts)


def one_round(stack: Stack, asked: argparse.Namespace) -> dict[str, Stormed]:
    found: dict[str, Stormed] = {}

    def take(side: str, storm: Callable[[], Stormed]) -> None:
        try:
            found[side] = storm()
            say(bench="B5", side=side, **found[side].facts())
        except InexactError as exc:
            say(bench="B5", side=side, inexact=str(exc))

    with stack.gateway() as gateway:
        declared = stack.declare()
        take("headrace", lambda: ours(stack, gateway, declared, asked.runs))
    for peer in FLOORS:
        kinds = {
            peer: {},
            f"{peer}, no idempotency key": {"keyed": False},
            f"{peer}, appendfsync always": {"always": True},
        }
        for side, how in kinds.items():
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                take(side, functools.partial(theirs, peer, folder, asked.peer_runs, **how))
    return found


if __name__ == "__main__":
    sys.exit(main())
