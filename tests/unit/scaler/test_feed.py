"""What limits can feed in a minute, as arithmetic."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from headrace_gateway.feed import Demand, Room, feed, rooms
from headrace_gateway.models.metering import Rules, Wanted
from headrace_gateway.models.openai_compatible import Usage
from headrace_ledger.declared import Limit
from headrace_ledger.reservations import NO_SUBJECT
from headrace_ledger.usages import Usage as Standing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALL = Wanted(
    pipeline="uid-1",
    step="think",
    run=NO_SUBJECT,
    model_class="fast",
    provider="house",
    model="small-1",
    usage=Usage(60, 40),
    cost=Decimal("0.01"),
    currency="USD",
)


def rule(capacity, resource="requests", window="1m", number=1, enforced=True, **spec):  # noqa: FBT002 -- a limit has that many sides
    named = f"limit-{number}"
    limit = Limit(
        "acme", number, "tenant", named, resource, window, capacity, enforced, json.dumps(spec)
    )
    return Rules.of(limit)


def standing(one, used=0, reserved=0, resets_at=None, borrowable=None):
    limit = one.limit
    return Standing(
        tenant=limit.tenant,
        owner=limit.owner,
        name=limit.name,
        resource=limit.resource,
        window=limit.window,
        capacity=limit.capacity,
        enforced=limit.enforced,
        used=used,
        reserved=reserved,
        shadowed=0,
        resets_at=resets_at,
        digest="",
        waiting=0,
        borrowable=borrowable,
    )


AHEAD = {
    "a minute that is fresh": (rule(3), {}, 6),
    "a minute that is used": (rule(3), {"used": 2, "reserved": 1}, 3),
    "a second comes back sixty times": (rule(2, window="1s"), {"used": 2}, 120),
    "an hour comes back by a sixtieth": (rule(600, window="1h"), {"used": 600}, 10),
    "a day of the calendar": (rule(9, window="CalendarDay"), {"used": 4}, 5),
    "calls at once are there always": (rule(4, "llmCalls", "None"), {"used": 4}, 4),
    "a minute that may be borrowed, too": (rule(3), {"used": 5, "borrowable": 4}, 9),
    "calls at once that may be borrowed": (rule(4, "llmCalls", "None"), {"borrowable": 2}, 6),
    "a limit that was lowered": (rule(3), {"used": 9}, 3),
}


@pytest.mark.parametrize(("one", "used", "want"), AHEAD.values(), ids=AHEAD)
def test_within_a_minute_it_gives(one, used, want):
    assert [room.amount for room in rooms([one], [standing(one, **used)], NOW)] == [want]


@pytest.mark.parametrize(("seconds", "want"), [(30, 9), (90, 0)])
def test_a_day_that_ends_soon_gives_the_next_one_too(seconds, want):
    day = rule(9, window="CalendarDay")
    used = standing(day, used=9, resets_at=NOW + timedelta(seconds=seconds))
    assert [room.amount for room in rooms([day], [used], NOW)] == [want]


IGNORED = {
    "in Shadow mode": rule(3, enforced=False),
    "that rejects": rule(3, onExceed="Reject"),
    "of each run": rule(3, window="Run"),
}


@pytest.mark.parametrize("one", IGNORED.values(), ids=IGNORED)
def test_no_step_waits_for_a_limit(one):
    assert rooms([one], [standing(one)], NOW) == []


def demand(*calls, seconds=10.0):
    return Demand(calls or (CALL,), seconds)


# Ten seconds a call: six of them keep a slot busy for a minute.
FED = {
    "a few requests": (Room(rule(3), 6), 1, 1),
    "sixty requests": (Room(rule(30), 60), 1, 10),
    "sixty requests, four slots a worker": (Room(rule(30), 60), 4, 3),
    "tokens, a hundred a call": (Room(rule(3000, "tokens"), 6000), 1, 10),
    "prompts alone, sixty a call": (Room(rule(1800, "inputTokens"), 3600), 1, 10),
    "money": (Room(rule(10**9, "cost", currency="USD"), 6 * 10**8), 1, 10),
    "calls at once": (Room(rule(7, "llmCalls", "None"), 7), 2, 4),
    "nothing is left": (Room(rule(3), 0), 1, 1),
}


@pytest.mark.parametrize(("room", "slots", "want"), FED.values(), ids=FED)
def test_a_limit_feeds(room, slots, want):
    found = feed([demand()], [room], slots)
    assert (found.workers, found.by) == (want, room.rules.named)


def test_what_calls_take_in_time_counts():
    assert feed([demand(seconds=60)], [Room(rule(30), 60)], 1).workers == 60
    assert feed([demand(seconds=1)], [Room(rule(30), 60)], 1).workers == 1


def test_the_strictest_limit_counts_and_is_named():
    strict = Room(rule(1, number=2), 12)
    found = feed([demand()], [Room(rule(30), 60), strict], 1)
    assert (found.workers, found.by) == (2, strict.rules.named)


def test_what_concerns_no_call_feeds_everything():
    assert feed([demand()], [Room(rule(1, providers=["other"]), 1)], 1) is None
    assert feed([demand()], [], 1) is None
    assert feed([], [Room(rule(1), 1)], 1) is None


def test_the_provider_that_feeds_most_counts():
    fallback = replace(CALL, provider="other")
    narrow = Room(rule(1, providers=["house"]), 6)
    wide = Room(rule(9, number=2, providers=["other"]), 60)
    assert feed([demand(CALL, fallback)], [narrow, wide], 1).workers == 10
    assert feed([demand(CALL, fallback)], [narrow], 1) is None


def test_steps_share_a_limit_and_add_up_over_several():
    other = replace(CALL, step="check", model_class="slow")
    shared = Room(rule(30), 60)
    assert feed([demand(), demand(other)], [shared], 1).workers == 10
    own = [Room(rule(1, classes=["fast"]), 60), Room(rule(1, number=2, classes=["slow"]), 12)]
    assert feed([demand(), demand(other)], own, 1).workers == 12
    assert feed([demand(), demand(other)], own[:1], 1) is None


def test_nobody_is_fed_while_every_provider_is_held():
    held = Demand((), 10)
    assert feed([held, held], [], 1).workers == 0
    assert feed([held, demand()], [Room(rule(30), 60)], 1).workers == 10
