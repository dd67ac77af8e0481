"""
B9: chains of seven checkpointed steps, ours beside DBOS on the same PostgreSQL and Restate.

A step writes a line to a journal and returns 500 bytes, in the process of the worker on every
side; one more series runs ours in child processes, as the steps of users do. Chains go one by one
(milliseconds a step: from submit to answer over seven) and twenty at a time (steps per second).
Then the worker is killed while twenty chains are in their third step. One JSON line per result.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

import durability
from b9_sides import STEPS, Side
from b9_start import (
    AT_ONCE,
    Place,
    dbos,
    declare,
    ours,
    pinned_restate,
    restate,
    restate_durability,
    runs_of,
    worker,
)
from doors import gateway
from headrace_ledger.embedded import EmbeddedLedger
from pairs import Pairs, alternate, say
from peers import versions_of
from processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from b9_sides import Round

ONE_BY_ONE = 40
TOGETHER = 300
WARM_UP = 40
IN_PROCESS: list[str | Path] = [Path(__file__).with_name("b9_worker.py")]
CHILDREN: list[str | Path] = ["-m", "headrace_worker"]
# Of DBOS and of Restate: milliseconds a step at most, steps per second at least.
FLOORS = {"dbos": (0.3, 8.0), "restate": (0.55, 1.7)}


def beside(name: str, mine: Side, theirs: Side, pairs: int) -> bool:
    """Run both series of pairs beside one peer; say whether both floors hold."""
    slowest, fastest = FLOORS[name]
    single = alternate(
        pairs, lambda: mine.round(ONE_BY_ONE, 1), lambda: theirs.round(ONE_BY_ONE, 1)
    )
    many = alternate(
        pairs, lambda: mine.round(TOGETHER, AT_ONCE), lambda: theirs.round(TOGETHER, AT_ONCE)
    )
    by_time = single.ratio(lambda a: a.ms_per_step, lambda b: b.ms_per_step).at_most(slowest)
    by_rate = many.ratio(lambda a: a.steps_per_second, lambda b: b.steps_per_second).at_least(
        fastest
    )
    tell(f"ms per step, one chain at a time, over {name}", single, by_time)
    tell(f"steps/s, {AT_ONCE} chains at a time, over {name}", many, by_rate)
    return bool(by_time["holds"] and by_rate["holds"])


def tell(figure: str, pairs: Pairs[Round, Round], ratio: dict[str, Any]) -> None:
    say(
        bench="B9",
        figure=figure,
        **ratio,
        ours=summary(pairs.ours),
        theirs=summary(pairs.theirs),
    )


def summary(rounds: list[Round]) -> dict[str, Any]:
    middle = sorted(rounds, key=lambda each: each.seconds)[len(rounds) // 2]
    return {
        "ms_per_step": round(statistics.median(each.ms_per_step for each in rounds), 3),
        "steps_per_second": round(statistics.median(each.steps_per_second for each in rounds)),
        "cpu_ms_per_step": middle.cpu_ms_per_step(),
    }


def killed(place: Place) -> bool:
    """Kill the worker with every chain in its third step; count what is done twice."""
    declare(place.ledger, "killed")
    journal = place.folder / "killed.journal"
    names = [f"k{number}" for number in range(AT_ONCE)]
    runs = threading.Thread(target=runs_of(place, "killed").run, args=(names, AT_ONCE))
    with worker(place, "killed", journal, IN_PROCESS, B9_HANG="s3") as first:
        runs.start()
        first.until(lambda: lines(journal)["s3"] == AT_ONCE)
        os.kill(first.pid, signal.SIGKILL)
        at = time.monotonic()
    with worker(place, "killed", journal, IN_PROCESS):
        runs.join()
    took = time.monotonic() - at
    times = Counter(journal.read_text().splitlines())
    redone = Counter(line.split()[0] for line, count in times.items() for _ in range(count - 1))
    assert len(times) == AT_ONCE * STEPS, len(times)
    worst = max(redone.values(), default=0)
    say(
        bench="B9",
        figure=f"redone steps of a chain after kill -9 of the worker in step 3, worst of {AT_ONCE}",
        value=worst,
        floor="<= 1",
        holds=worst <= 1,
        seconds_to_all_answers=round(took, 1),
    )
    return worst <= 1


def lines(journal: Path) -> Counter[str]:
    return Counter(line.split()[1] for line in journal.read_text().splitlines())


def recorded(place: Place, chains: int, theirs: Side | None) -> None:
    """Raise unless the databases hold every step of every chain once, as done."""

    async def count(url: str, *queries: str) -> list[int]:
        admin = await asyncpg.connect(url)
        try:
            return [await admin.fetchval(query) for query in queries]
        finally:
            await admin.close()

    found = count(
        place.ledger.admin_url,
        "SELECT count(*) FROM headrace.runs WHERE status = 'Succeeded'",
        "SELECT count(*) FROM headrace.runs",
        "SELECT count(*) FROM headrace.outputs WHERE length(output) = 500",
    )
    assert asyncio.run(found) == [chains, chains, chains * STEPS]
    if theirs is not None:
        found = count(
            place.ledger.admin_url.replace("/headrace?", "/dbos?"),
            "SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'",
            "SELECT count(*) FROM dbos.operation_outputs",
        )
        assert asyncio.run(found) == [theirs.chains, theirs.chains * STEPS]


@contextlib.contextmanager
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as name, EmbeddedLedger() as ledger:
        folder = Path(name)
        declare(ledger, "ours")
        with gateway(ledger, folder) as door:
            assert ledger._guard is not None
            postgres = Process(ledger._guard, folder / "none.log")
            yield Place(ledger, postgres, door, door.key("bench"), folder)


def settings(here: Place) -> None:
    say(
        bench="B9",
        settings={
            "steps": STEPS,
            "result_bytes": 500,
            "ours": durability.of_postgres(here.ledger.gateway_url),
            "dbos": {**versions_of("dbos", "dbos"), "on": "the same server"},
            "restate": {
                "restate-server": pinned_restate(),
                **versions_of("restate", "restate-sdk"),
                **restate_durability(),
            },
            "disk_sync_ms": durability.disk_sync_ms(),
            "tenant_limits": "off: there are none yet",
            "cores": os.cpu_count(),
        },
    )


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--pairs", type=int, default=5)
    given.add_argument("--peers", nargs="*", choices=FLOORS, default=list(FLOORS))
    given.add_argument("--no-kill", action="store_true")
    asked = given.parse_args()
    good = []
    with place() as here, ours(here, "ours", IN_PROCESS) as mine:
        settings(here)
        chains, library = 0, None
        mine.round(WARM_UP, AT_ONCE)
        for name, start in (("dbos", dbos), ("restate", restate)):
            if name not in asked.peers:
                continue
            with start(here) as theirs:
                theirs.round(WARM_UP, 1)
                theirs.round(WARM_UP, AT_ONCE)
                good.append(beside(name, mine, theirs, asked.pairs))
            library = theirs if name == "dbos" else library
        with ours(here, "children", CHILDREN) as apart:
            apart.round(WARM_UP, AT_ONCE)
            each = [apart.round(ONE_BY_ONE, 1) for _ in range(asked.pairs)]
            many = [apart.round(TOGETHER, AT_ONCE) for _ in range(asked.pairs)]
            say(bench="B9", figure="ours with steps in child processes", one=summary(each),
                many=summary(many))  # fmt: skip
        chains = mine.chains + apart.chains
        if not asked.no_kill:
            good.append(killed(here))
            chains += AT_ONCE
        recorded(here, chains, library)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
