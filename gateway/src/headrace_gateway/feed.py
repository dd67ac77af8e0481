"""How many workers of a pool its limits can feed, as arithmetic over the next minute."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace_gateway.models.metering import WINDOW_SECONDS, amount, concerns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from headrace_gateway.models.metering import Rules, Wanted
    from headrace_ledger.usages import Usage

HORIZON_SECONDS: Final = 60.0
AT_ONCE: Final = "None"


@dataclass(frozen=True, slots=True)
class Room:
    """A limit, and what of its resource it gives within a minute, or of calls at once, always."""

    rules: Rules
    amount: float


@dataclass(frozen=True, slots=True)
class Demand:
    """The calls of a step: what one takes of each provider that may be asked, and how long."""

    calls: tuple[Wanted, ...]
    """None of them: every provider is held."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Feed:
    """How many workers find calls to make, and what stands in the way of more."""

    workers: int
    by: str


def rooms(rules: Iterable[Rules], usages: Iterable[Usage], now: datetime) -> list[Room]:
    """Look ahead a minute, at every limit that lets calls wait: not at Shadow and not at Reject."""
    standing = {(one.tenant, one.owner, one.name): one for one in usages}
    return [
        Room(rule, _amount(rule, standing.get((limit.tenant, limit.owner, limit.name)), now))
        for rule in rules
        for limit in [rule.limit]
        if limit.enforced and not rule.rejects and limit.window != "Run"
    ]


def _amount(rule: Rules, usage: Usage | None, now: datetime) -> float:
    """Add up what is left now and what comes back within a minute, with what its cohort lends."""
    window = rule.limit.window
    capacity = rule.limit.capacity + ((usage.borrowable or 0) if usage else 0)
    if window == AT_ONCE:
        return capacity
    left = usage.available if usage else capacity
    if window in WINDOW_SECONDS:
        return left + capacity * HORIZON_SECONDS / WINDOW_SECONDS[window]
    resets_at = usage.resets_at if usage else None
    soon = resets_at is not None and (resets_at - now).total_seconds() <= HORIZON_SECONDS
    return left + (capacity if soon else 0)


def feed(demands: Sequence[Demand], every: Sequence[Room], slots: int) -> Feed | None:
    """
    Return how many workers of so many slots the limits can feed; None if one step is unlimited.

    A step may go to whichever provider feeds most, and is there as fast as its strictest limit.
    Steps of the same limit share it. One worker is always fed, unless every provider is held.
    """
    by_limit: defaultdict[int, float] = defaultdict(float)
    named: dict[int, Rules] = {}
    for demand in demands:
        if not demand.calls:
            continue
        found = [_strictest(call, demand.seconds, every) for call in demand.calls]
        most = max(found, key=lambda each: each[0])
        if most[1] is None:
            return None
        limit = most[1].limit.id
        named[limit] = most[1]
        by_limit[limit] = max(by_limit[limit], most[0])
    if not by_limit:
        return Feed(0, "the `stopPolicy` of its providers") if demands else None
    tightest = min(by_limit, key=by_limit.__getitem__)
    return Feed(max(math.ceil(sum(by_limit.values()) / slots), 1), named[tightest].named)


def _strictest(call: Wanted, seconds: float, every: Iterable[Room]) -> tuple[float, Rules | None]:
    """Return how many slots make calls of this kind all the time, and the limit that says so."""
    busy = [
        (_slots(room, call, seconds), room.rules) for room in every if concerns(room.rules, call)
    ]
    return min(busy, key=lambda each: each[0], default=(math.inf, None))


def _slots(room: Room, call: Wanted, seconds: float) -> float:
    calls = room.amount / max(amount(room.rules.limit.resource, call), 1)
    return calls if room.rules.limit.window == AT_ONCE else calls * seconds / HORIZON_SECONDS
