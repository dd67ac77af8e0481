"""
The promises after heal and drain: each check returns what is wrong, and nothing if all is well.

I1 no accepted run is lost · I2 effects are recorded once · I5 limits hold · I6 nothing leaks; the
README has the words. The checks of I2 and I5 are pure: they replay journals.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import asyncpg

    from chaos_faults import Fault
    from chaos_journal import Entry, Limit
    from chaos_load import Submits

SLACK_SECONDS = 1.0
"""Between the test's note of a kill and the kernel's doing it, on a busy machine."""
ARRIVAL_SECONDS = 5.0
"""How much later than its reservation a call may reach the model, on a busy machine."""
OPEN, OVER = 1, -1


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call as the model saw it."""

    run: str
    step: str
    began: float
    ended: float


def calls_of(journal: Path) -> list[ModelCall]:
    """Read the model's journal."""
    began: dict[int, tuple[float, str]] = {}
    calls = []
    for line in journal.read_text().splitlines():
        said = json.loads(line)
        if "began" in said:
            began[said["call"]] = (said["began"], said["key"])
        else:
            at, key = began.pop(said["call"])
            run, step, _ = key.split("/", 2)
            calls.append(ModelCall(run, step, at, said["ended"]))
    assert not began, f"{len(began)} calls have no end"
    return calls


async def lost_runs(connection: asyncpg.Connection, submits: Submits) -> list[str]:
    """I1: what was acknowledged is there and over; what is unknown is there once or not at all."""
    sql = "SELECT tenant, idempotency_key AS key, id, phase, status FROM headrace.runs"
    rows = await connection.fetch(sql)
    found = {(r["tenant"], r["key"]): r for r in rows}
    wrong = [f"{key} is there twice" for key, n in Counter(r["key"] for r in rows).items() if n > 1]
    wrong += [f"{key} is lost" for key in submits.acknowledged.keys() - found.keys()]
    wrong += [f"{key} is unexpected" for key in found.keys() - submits.attempted]
    wrong += [f"{key} is still {r['status']}" for key, r in found.items() if r["phase"] < 2]
    for key, run in submits.acknowledged.items():
        if key in found and str(found[key]["id"]) != run:
            wrong.append(f"{key} was acknowledged as {run} and is {found[key]['id']}")
    return wrong


TWICE = {
    "answers": "SELECT tenant, run, step FROM headrace.calls WHERE live",
    "outputs": "SELECT tenant, run, no FROM headrace.outputs",
    "ends": "SELECT tenant, run, no FROM headrace.events WHERE type = 'step.finished'",
}
UNDONE = """
SELECT t.run, t.no FROM headrace.tasks t
LEFT JOIN headrace.outputs o ON o.tenant = t.tenant AND o.run = t.run AND o.no = t.no
WHERE t.state = 'done' AND o.run IS NULL
"""


async def recorded_twice(connection: asyncpg.Connection) -> list[str]:
    """I2: a step has one result at most, and one recorded answer; a finished one has its result."""
    wrong = []
    for what, sql in TWICE.items():
        rows = await connection.fetch(f"{sql} GROUP BY 1, 2, 3 HAVING count(*) > 1")
        wrong += [f"two {what} of {tuple(row)}" for row in rows]
    return wrong + [f"no result of {tuple(row)}" for row in await connection.fetch(UNDONE)]


def paid_twice(
    calls: Iterable[ModelCall], entries: Iterable[Entry], crashes: Sequence[Fault]
) -> list[str]:
    """I2: each call of a step beyond the first has a crash that cut an earlier one of it short.

    The loss of PostgreSQL is no such crash: whoever holds an answer waits for the ledger.
    """
    cut: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        if any(entry.at <= c.began + SLACK_SECONDS and entry.gone >= c.began for c in crashes):
            cut[entry.run, entry.step] += 1
    made = Counter((call.run, call.step) for call in calls)
    return [
        f"{times} calls of {of}, {cut[of]} of them cut short by a crash"
        for of, times in made.items()
        if times > 1 + cut[of]
    ]


def over_limit(limit: Limit, entries: Iterable[Entry]) -> list[str]:
    """I5: whenever a call was admitted, it and all that counted then were within the limit.

    Of an earlier call counts what it held, or the least of that and what it used once it was over.
    """
    mine = [entry for entry in entries if limit.id in entry.reserved]
    ends = [(one.seq, one) for one in mine] + [(one.gone_seq, one) for one in mine]
    counted: dict[str, int] = {}
    window: list[tuple[float, str]] = []
    used, wrong = 0, []
    for seq, one in sorted(ends, key=lambda end: end[0]):
        if seq == one.gone_seq:
            if one.id in counted:
                used += one.least(limit) - counted[one.id]
                counted[one.id] = one.least(limit)
            continue
        while window and limit.seconds and window[0][0] <= one.made - limit.seconds:
            used -= counted.pop(heappop(window)[1])
        counted[one.id] = one.reserved[limit.id]
        heappush(window, (one.at, one.id))
        used += counted[one.id]
        if used > limit.capacity:
            wrong.append(f"{limit.name}: {used} of {limit.capacity} at call {one.id}")
    return wrong


def overshoot(limit: Limit, entries: Iterable[Entry]) -> tuple[int, int]:
    """Return by how much settled use passed a limit at most, and the most that estimates missed.

    README: tokens by no more than the error of the estimates of calls under way.
    """
    mine = sorted((e for e in entries if limit.id in e.reserved and e.settled), key=lambda e: e.at)
    times = [entry.at for entry in mine]
    sums = [0]
    missed = 0
    for entry in mine:
        assert entry.settled is not None
        sums.append(sums[-1] + entry.settled[limit.id])
        missed += max(0, entry.settled[limit.id] - entry.reserved[limit.id])
    most = 0
    for number, at in enumerate(times):
        start = 0 if limit.seconds is None else bisect_right(times, at - limit.seconds)
        most = max(most, sums[number + 1] - sums[start] - limit.capacity)
    return most, missed


def most_at_once(calls: Iterable[ModelCall]) -> int:
    """I5 as the model saw it: how many calls it had at once."""
    ends = [(call.ended, OVER) for call in calls] + [(call.began, OPEN) for call in calls]
    return _highest(ends)


def most_in_window(calls: Iterable[ModelCall], seconds: float) -> int:
    """I5 as the model saw it: the most calls in a window that is shorter by how late they come."""
    times = sorted(call.began for call in calls)
    width = seconds - ARRIVAL_SECONDS
    starts = (bisect_right(times, at - width) for at in times)
    return max((n + 1 - start for n, start in enumerate(starts)), default=0)


def _highest(ends: list[tuple[float, int]]) -> int:
    height = most = 0
    for _, step in sorted(ends):  # at the same moment ends come first
        height += step
        most = max(most, height)
    return most


LEAKS = {
    "leases": "SELECT count(*) FROM headrace.tasks WHERE state IN ('leased', 'ready', 'waiting')",
    "parked steps": "SELECT count(*) FROM headrace.tasks WHERE state = 'parked'",
    "reservations": "SELECT count(*) FROM headrace.reservations",
    "reserved amounts": "SELECT count(*) FROM headrace.buckets WHERE reserved <> 0",
    "places at once": "SELECT coalesce(sum(b.used), 0) FROM headrace.buckets b"
    " JOIN headrace.limits l ON l.tenant = b.tenant AND l.id = b.limit_id"
    " WHERE l.kind = 'Concurrency'",
    "open runs": "SELECT count(*) FROM headrace.runs WHERE phase < 2",
    "idle transactions": "SELECT count(*) FROM pg_stat_activity"
    " WHERE state LIKE 'idle in transaction%' AND state_change < now() - interval '5 s'",
    "counters that differ": "SELECT count(*) FROM headrace.audit()",
}


async def leaks(connection: asyncpg.Connection) -> dict[str, int]:
    """I6: when quiet nothing is held; say what is."""
    counts = {what: int(await connection.fetchval(sql)) for what, sql in LEAKS.items()}
    return {what: count for what, count in counts.items() if count}
