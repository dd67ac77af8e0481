"""Steps that wait for a limit of a cohort: they go when there is room to borrow, and no sooner."""

from __future__ import annotations

import dataclasses

import pytest

import ledger_rows as make
from cohort_scene import WINDOW, joining, pass_slots

pytestmark = pytest.mark.postgres


@pytest.fixture
def cohort(house):
    return joining(house)


async def ready(admin, *members):
    return [
        await admin.fetchval(
            "SELECT count(*) FROM headrace.tasks WHERE tenant = $1 AND state = 'ready'",
            one.house.tenant,
        )
        for one in members
    ]


async def test_steps_that_wait_for_a_limit_go_when_there_is_room_to_borrow(cohort, admin):
    a, b = [await cohort() for _ in range(2)]
    await a.calls(100)
    await b.calls(100)
    await a.waits_with(3, amount=40)
    await a.house.gateway.sweep()
    assert await ready(admin, a) == [0]
    await pass_slots(admin, WINDOW, b)
    await a.house.gateway.sweep()
    assert await ready(admin, a) == [2]
    await a.house.gateway.sweep()
    assert await ready(admin, a) == [2]  # what was let go has not drawn yet


async def test_what_is_lent_is_divided_by_weight_among_those_whose_steps_wait(
    cohort, operator, admin
):
    a, b, lender = await cohort(), await cohort(), await cohort(capacity=250)
    heavy = dataclasses.replace(make.tenant(b.house.tenant), weight=3)
    await operator.put_tenant(heavy)
    await lender.calls(50)
    for one in (a, b):
        await one.calls(100)
        await one.waits_with(40, amount=5)
    for _ in range(3):
        await a.house.gateway.sweep()
        assert await ready(admin, a, b) == [10, 30]


async def test_steps_of_two_borrowers_are_not_let_go_for_the_same_room(cohort, admin):
    a, b, _ = [await cohort() for _ in range(3)]
    for one in (a, b):
        await one.calls(100)
        await one.waits_with(10, amount=10)
    await a.house.gateway.sweep()
    assert sum(await ready(admin, a, b)) == 10
