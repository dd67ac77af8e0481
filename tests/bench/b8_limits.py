"""
B8: reserve and settle over three limits by 50 callers of one process, beside two limiters.

Ours is `Ledger.reserve` and `Ledger.settle` as the gateway's role: a limit of the tenant, one of
the provider and a budget, all of a call or nothing, forced row-level security, every answered
write on disk, and actual use settled. The peers only decide, settle nothing and lose what Redis had
not saved. They are asked for the same three limits, one after the other, since neither decides over
several; and for one limit alone. A peer's capacity is never reached while its rate is measured;
then each side is asked for more than a limit holds, and what it admitted is counted: over by 0 % or
how many.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import uvloop

HERE: Final = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "support"))

import ledger_rows as make  # noqa: E402 -- the path above leads to it
from b8_leased import leased  # noqa: E402 -- the path above leads to it
from durability import disk_sync_ms, of_postgres  # noqa: E402 -- as above
from headrace_ledger.client import Ledger  # noqa: E402 -- as above
from headrace_ledger.declared import LimitRow  # noqa: E402 -- as above
from headrace_ledger.embedded import EmbeddedLedger  # noqa: E402 -- as above
from headrace_ledger.reservations import Draw  # noqa: E402 -- as above
from pairs import InexactError, ratio_of, say  # noqa: E402 -- as above
from peers import FOLDER, python_of, versions_of  # noqa: E402 -- as above
from queues import redis_server  # noqa: E402 -- as above

OURS: Final = "reserve + settle"
LEASED: Final = "leased"
SAME: Final = "reserve + settle of three limits, theirs of three"
ONE: Final = "reserve + settle of three limits, theirs of one"
PEERS: Final = {"limits": "limits", "throttled": "throttled-py"}
CLIENTS: Final = {"limits": "coredis", "throttled": "redis"}
"""What each peer speaks to Redis with, by its own default."""
FLOOR: Final = 1.0
LEASED_FLOOR: Final = 15.0
LEASED_PERCENT: Final = 1.0
PLATFORM: Final = "_platform"
LARGE: Final = 10**15
SMALL: Final = 2_000
PRICE: Final = Decimal("0.000001")
LONE: Final = 400
REFUSALS: Final = 10
LIMITS: Final = 3
"""How many a call of ours meets."""

Facts = dict[str, float]


async def declared(operator: Ledger, gateway: Ledger, requests: int) -> tuple[str, list[Draw]]:
    """Declare a tenant with the three limits; return what each call draws."""
    tenant, provider = make.fresh("bench"), make.fresh("provider")
    await operator.put_tenant(make.tenant(tenant))
    own = (
        LimitRow("requests", "requests", "1h", requests),
        LimitRow("budget", "cost", "CalendarMonth", LARGE),
    )
    theirs = LimitRow("tokens", "tokens", "1m", LARGE)
    await operator.put_limits(make.limits(tenant, *own))
    await operator.put_limits(make.limits(PLATFORM, theirs, owner=f"provider/{provider}"))
    known = {(one.owner, one.name): one for one in await gateway.limits_of(tenant)}
    amounts = {
        (f"provider/{provider}", "tokens"): 30,
        ("tenant", "requests"): 1,
        ("tenant", "budget"): 1000,
    }
    return tenant, [
        Draw(known[key].tenant, known[key].id, known[key].resource, amount)
        for key, amount in amounts.items()
    ]


async def ours(server: EmbeddedLedger, seconds: float, callers: int) -> Facts:
    operator = await Ledger.connect(server.operator_url, role="operator", max_size=2)
    gateway = await Ledger.connect(server.gateway_url, role="gateway", min_size=8, max_size=8)
    try:
        facts = await measured(operator, gateway, seconds, callers)
        return {**facts, **await filled(operator, gateway, callers)}
    finally:
        await gateway.close()
        await operator.close()


async def measured(operator: Ledger, gateway: Ledger, seconds: float, callers: int) -> Facts:
    """Take a lone caller's reserve, then the pairs of all callers, below every capacity."""
    tenant, draws = await declared(operator, gateway, LARGE)
    took, pairs = [], 0
    for _ in range(LONE):
        wish = make.reserve(tenant, *draws, cost=PRICE, currency="USD")
        began = time.perf_counter()
        said = await gateway.reserve(wish)
        took.append(time.perf_counter() - began)
        assert said.outcome == "Reserved", said
        await gateway.settle(make.settlement(wish, 20, cost=PRICE))

    async def loop() -> None:
        nonlocal pairs
        while time.perf_counter() < until:
            wish = make.reserve(tenant, *draws, cost=PRICE, currency="USD")
            said = await gateway.reserve(wish)
            assert said.outcome == "Reserved", said
            await gateway.settle(make.settlement(wish, 20, cost=PRICE))
            pairs += 1

    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(loop() for _ in range(callers)))
    rate = pairs / (time.perf_counter() - began)
    usage = {one.name: one for one in await gateway.usage(tenant)}
    if (usage["requests"].used, usage["requests"].reserved) != (pairs + LONE, 0):
        message = f"{pairs + LONE} pairs, but {usage['requests']}"
        raise InexactError(message)
    return {"per_second": rate, "lone_p50_ms": 1000 * statistics.median(took)}


async def filled(operator: Ledger, gateway: Ledger, callers: int) -> Facts:
    """Ask until each caller has been refused some times; count what was let through."""
    tenant, draws = await declared(operator, gateway, SMALL)
    admitted = 0

    async def loop() -> None:
        nonlocal admitted
        refused = 0
        while refused < REFUSALS:
            wish = make.reserve(tenant, *draws, cost=PRICE, currency="USD")
            said = await gateway.reserve(wish)
            if said.outcome == "Reserved":
                admitted += 1
                await gateway.settle(make.settlement(wish, 20, cost=PRICE))
            else:
                refused += 1

    await asyncio.gather(*(loop() for _ in range(callers)))
    if admitted != SMALL:
        message = f"{admitted} admitted of a capacity of {SMALL}"
        raise InexactError(message)
    return {"over_percent": over(admitted)}


def over(admitted: float) -> float:
    return round(100 * (admitted - SMALL) / SMALL, 3)


def theirs(peer: str, seconds: float, callers: int) -> Facts:
    """Let a peer decide on a Redis of its own; below its capacity, and then past a small one."""
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as redis:
        same = asked(peer, redis.url, seconds, callers, LARGE, LIMITS)
        rate = asked(peer, redis.url, seconds, callers, LARGE, 1)
        redis.ask("FLUSHALL")
        full = asked(peer, redis.url, seconds, callers, SMALL, 1)
    over_percent = over(full["admitted"])
    return {**rate, "calls_per_second": same["per_second"], "over_percent": over_percent}


def asked(peer: str, redis: str, seconds: float, callers: int, capacity: int, limits: int) -> Facts:
    words = [redis, seconds, callers, capacity, limits]
    done = subprocess.run(
        [str(python_of(peer)), str(FOLDER / peer / "decide.py"), *map(str, words)],
        env={"PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        message = f"{peer}: {done.stderr[-2000:]}"
        raise SystemExit(message)
    found: Facts = json.loads(done.stdout)
    return found


def one_round(server: EmbeddedLedger, options: argparse.Namespace) -> dict[str, Facts]:
    found: dict[str, Facts] = {}
    held: dict[str, Any] = {**of_postgres(server.gateway_url), "disk_sync_ms": disk_sync_ms()}
    try:
        found[OURS] = uvloop.run(ours(server, options.seconds, options.callers))
        say(bench="B8", side=OURS, **rounded(found[OURS]), durability=held)
    except InexactError as exc:
        say(bench="B8", side=OURS, inexact=str(exc))
    try:
        found[LEASED] = uvloop.run(leased(server, options.seconds, options.callers))
        say(bench="B8", side=LEASED, **rounded(found[LEASED]))
    except InexactError as exc:
        say(bench="B8", side=LEASED, inexact=str(exc))
    for peer, package in PEERS.items():
        found[package] = theirs(peer, options.seconds, options.callers)
        versions = versions_of(peer, package, CLIENTS[peer])
        say(bench="B8", side=package, **rounded(found[package]), versions=versions)
    return found


def rounded(facts: Facts) -> Facts:
    return {name: round(value, 3) for name, value in facts.items()}


def of_three(facts: Facts) -> float:
    return facts.get("calls_per_second", facts["per_second"])


def verdicts(rounds: list[dict[str, Facts]]) -> Iterator[bool]:
    """Print every ratio, and ours by itself; yield whether each floor holds."""
    for package in PEERS.values():
        for series, figure in ((SAME, of_three), (ONE, lambda facts: facts["per_second"])):
            if ratio := ratio_of(rounds, OURS, package, figure):
                yield say(bench="B8", series=series, over=package, **ratio.at_least(FLOOR))
        if ratio := ratio_of(rounds, LEASED, package, lambda facts: facts["per_second"]):
            yield say(
                bench="B8",
                series=f"{LEASED}, one limit",
                over=package,
                **ratio.at_least(LEASED_FLOOR),
            )
    drawn = [one[LEASED]["over_percent"] for one in rounds if LEASED in one]
    yield say(
        bench="B8",
        figure="over-admission, leased",
        value=max(drawn, default=100.0),
        unit="%",
        floor=f"<= {LEASED_PERCENT:g} %",
        holds=max(drawn, default=100.0) <= LEASED_PERCENT,
    )
    exact = [one[OURS] for one in rounds if OURS in one]
    yield say(
        bench="B8",
        figure="over-admission",
        value=max((one["over_percent"] for one in exact), default=100.0),
        unit="%",
        floor="0 %",
        holds=len(exact) == len(rounds),
    )
    if exact:
        for figure, key, unit in (
            ("reserve + settle pairs", "per_second", "/s"),
            ("p50 of a lone reserve", "lone_p50_ms", "ms"),
        ):
            value = statistics.median(one[key] for one in exact)
            say(bench="B8", figure=figure, value=round(value, 3), unit=unit)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--callers", type=int, default=50)
    options = parser.parse_args()
    with EmbeddedLedger() as server:
        rounds = [one_round(server, options) for _ in range(options.pairs)]
    return 0 if all([*verdicts(rounds)]) else 1


if __name__ == "__main__":
    sys.exit(main())
