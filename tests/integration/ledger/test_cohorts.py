"""Limits of a cohort on the real ledger: what is lent, what is refused, and what is given back."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools

import pytest

import ledger_rows as make
from cohort_scene import WINDOW, joining, pass_slots
from headrace_ledger.client import Ledger
from headrace_ledger.declared import LimitRow
from headrace_ledger.reservations import Draw, ReserveOutcome

pytestmark = pytest.mark.postgres

RESERVED, BLOCKED, TOO_LARGE = (
    ReserveOutcome.RESERVED,
    ReserveOutcome.BLOCKED,
    ReserveOutcome.TOO_LARGE,
)


@pytest.fixture
def cohort(house):
    return joining(house)


async def test_what_the_others_do_not_use_is_lent(cohort):
    a, b, c = [await cohort() for _ in range(3)]
    assert await b.calls(30) == RESERVED
    assert await a.calls(100) == RESERVED
    assert await a.calls(171) == BLOCKED
    assert await a.calls(170) == RESERVED  # 70 of b's and 100 of c's
    assert await a.calls(1) == BLOCKED
    usage = [await one.usage() for one in (a, b, c)]
    assert [(one.borrowable, one.lent) for one in usage] == [(170, 0), (0, 70), (0, 100)]


async def test_one_call_may_use_what_is_left_of_its_own_and_borrow_the_rest(cohort):
    a, _ = [await cohort() for _ in range(2)]
    assert await a.calls(60) == RESERVED
    assert await a.calls(141) == BLOCKED
    assert await a.calls(140) == RESERVED


SHARES = {
    "as much as there is": ({}, {}, 100),
    "no more than it may borrow": ({"borrowing": 30}, {}, 30),
    "nothing": ({"borrowing": 0}, {}, 0),
    "no more than is lent": ({}, {"lending": 40}, 40),
    "nothing of who lends nothing": ({}, {"lending": 0}, 0),
    "the less of both": ({"borrowing": 30}, {"lending": 20}, 20),
    "nothing of who has no limit like it": ({}, {"cohort": "another"}, 0),
}


@pytest.mark.parametrize(("mine", "theirs", "most"), SHARES.values(), ids=SHARES)
async def test_borrows(cohort, mine, theirs, most):
    a, _ = await cohort(**mine), await cohort(**theirs)
    assert await a.calls(100) == RESERVED
    assert await a.calls(most + 1) == BLOCKED
    assert not most or await a.calls(most) == RESERVED
    assert await a.calls(1) == BLOCKED


async def test_what_lends_a_part_keeps_the_rest_for_itself(cohort):
    a, b = await cohort(), await cohort(lending=40)
    assert await b.calls(50) == RESERVED  # of the 60 that it keeps
    assert await a.calls(140) == RESERVED
    assert (await b.usage()).lent == 40
    assert await b.calls(50) == RESERVED  # its own, whatever was lent of it


async def test_more_than_the_whole_cohort_could_lend_is_refused_at_once(cohort):
    a, b = await cohort(borrowing=150), await cohort(lending=80)
    assert await b.calls(100) == RESERVED
    assert await a.calls(181) == TOO_LARGE
    assert await a.calls(180) == BLOCKED  # b does not use it for ever
    await a.changes(borrowing=20)
    assert await a.calls(121) == TOO_LARGE
    assert (await a.usage()).most_borrowable == 20


@pytest.mark.parametrize("window", ["1h", "CalendarDay", "None"])
async def test_regression_35_borrowed_quota_is_given_back_at_the_next_call(cohort, admin, window):
    a, b = [await cohort(window=window, resource="llmCalls", capacity=3) for _ in range(2)]
    calls = [a.wish(1) for _ in range(6)]
    assert {(await a.house.gateway.reserve(one)).outcome for one in calls} == {RESERVED}
    assert [await b.calls(1) for _ in range(3)] == [RESERVED] * 3  # its own was never away
    assert await b.calls(1) == BLOCKED
    assert await a.calls(1) == BLOCKED
    usage = [await one.usage() for one in (a, b)]
    assert [(one.borrowable, one.lent) for one in usage] == [(0, 0), (0, 0)]
    if window == "None":  # a's calls end: those that were borrowed come back first
        for call in calls[:3]:
            await a.house.gateway.settle(make.settlement(call))
        assert await a.calls(1) == BLOCKED
        await a.house.gateway.settle(make.settlement(calls[3]))
        assert await a.calls(1) == RESERVED
    elif window == "1h":  # what a used leaves the window, and with it all that it had borrowed
        await pass_slots(admin, WINDOW, a)
        assert [await a.calls(1) for _ in range(4)] == [RESERVED] * 3 + [BLOCKED]


async def test_regression_35_a_refused_borrower_is_told_when_its_own_is_free_again(cohort):
    a, b = [await cohort() for _ in range(2)]
    await a.calls(200)
    await b.calls(100)
    said = await a.house.gateway.reserve(a.wish(50))
    assert (said.outcome, said.limit_id, said.amount) == (BLOCKED, a.id, 50)
    assert 3400 < said.seconds <= 3660


async def test_what_a_lender_uses_leaves_and_can_be_borrowed_again(cohort, admin):
    a, b = [await cohort() for _ in range(2)]
    await b.calls(100)
    assert await a.calls(150) == BLOCKED
    await pass_slots(admin, WINDOW, b)
    assert await a.calls(150) == RESERVED


async def test_what_is_not_used_of_a_reservation_can_be_lent(cohort):
    a, b = [await cohort() for _ in range(2)]
    call = b.wish(100)
    await b.house.gateway.reserve(call)
    assert await a.calls(180) == BLOCKED
    await b.house.gateway.settle(make.settlement(call, 20))
    assert await a.calls(180) == RESERVED


async def test_calls_of_one_turn_borrow_the_same_unit_once(cohort):
    a, b, c = [await cohort() for _ in range(3)]
    asked = [a.wish(150), b.wish(151), c.wish(21), a.wish(20), c.wish(20)]
    said = await a.house.gateway.reserve_many(asked)
    assert [one.outcome for one in said] == [RESERVED, BLOCKED, RESERVED, RESERVED, RESERVED]
    assert await c.calls(1) == RESERVED  # its own


async def test_who_leaves_a_cohort_keeps_what_it_has_used(cohort):
    a, b = [await cohort() for _ in range(2)]
    await a.calls(150)
    await a.changes(cohort=None)
    assert await a.calls(1) == BLOCKED
    usage = [await one.usage() for one in (a, b)]
    assert [(one.reserved, one.borrowable, one.lent) for one in usage] == [
        (150, None, None),
        (0, 0, 0),
    ]
    await a.changes(cohort=b.row.cohort)
    assert await a.calls(51) == BLOCKED
    assert await a.calls(50) == RESERVED


async def test_a_limit_of_all_tenants_is_never_lifted(cohort, operator):
    a, _ = [await cohort() for _ in range(2)]
    owner = f"provider/{make.fresh('provider')}"
    shared = LimitRow("tph", "tokens", "1h", 120)
    await operator.put_limits(make.limits("_platform", shared, owner=owner))
    known = await a.house.gateway.limits_of(a.house.tenant)
    [limit] = [one.id for one in known if one.owner == owner]
    wish = a.wish(121)
    wish = dataclasses.replace(wish, draws=(*wish.draws, Draw("_platform", limit, "tokens", 121)))
    said = await a.house.gateway.reserve(wish)
    assert (said.outcome, said.limit_id) == (TOO_LARGE, limit)
    await operator.put_limits(make.limits("_platform", owner=owner))


async def test_what_is_learnt_of_the_others_is_a_number(cohort, ledger_server, admin):
    """The door between tenants gives sums, and lets nobody look through it."""
    a, b = [await cohort() for _ in range(2)]
    await b.calls(30)
    rows = await admin.fetch("SELECT * FROM headrace.lending($1)", a.house.tenant)
    assert [tuple(row) for row in rows] == [("tenant", "tph", 70, 100, 0)]


async def test_racing_borrowers_take_no_more_than_is_lent(cohort, ledger_server):
    """Three cohorts in every turn: no unit is lent twice, and nobody waits in a circle."""
    words = {make.fresh("cohort"): lent for lent in (150, 200, 250)}
    lenders = {word: await cohort(cohort=word, capacity=lent) for word, lent in words.items()}
    borrowers = {word: [await cohort(cohort=word) for _ in range(3)] for word in words}
    members = [*itertools.chain(*zip(*borrowers.values(), strict=True))]
    assert {await one.calls(100) for one in members} == {RESERVED}  # its own is gone
    async with contextlib.AsyncExitStack() as stack:
        gateways = []
        for _ in range(3):
            one = await Ledger.connect(ledger_server.gateway_url, role="gateway")
            stack.push_async_callback(one.close)
            gateways.append(one)
        asked = [(n // 3, one, one.wish(1)) for _ in range(90) for n, one in enumerate(members)]
        said = await asyncio.gather(  # each gateway has tenants of its own: no bucket is shared
            *(gateways[n].reserve(wish) for n, _, wish in asked)
        )
    assert {told.outcome for told in said} == {RESERVED, BLOCKED}
    won = [
        one.row.cohort
        for (_, one, _), told in zip(asked, said, strict=True)
        if told.outcome == RESERVED
    ]
    assert {word: won.count(word) for word in words} == words
    assert {word: (await one.usage()).lent for word, one in lenders.items()} == words
