"""Batches are joined while they wait for each other anyway, and split when one of them fails."""

from __future__ import annotations

import asyncio

import pytest

import ledger_rows as make
from headrace_ledger.errors import InvalidItemError, LedgerUnavailableError
from headrace_ledger.group import Joined, each

MINE, THEIRS = make.pipeline("mine"), make.pipeline("theirs")


def poisoned(calls):
    async def verb(items):
        calls.append([i.input for i in items])
        if any(i.input == "poison" for i in items):
            raise InvalidItemError
        return [i.input for i in items]

    return verb


async def test_a_failing_batch_is_split_by_tenant_and_then_item_by_item():
    calls = []
    items = [
        make.submit(MINE, input="1"),
        make.submit(THEIRS, input="2"),
        make.submit(MINE, input="poison"),
        make.submit(THEIRS, input="3"),
    ]
    outcomes = await each(items, poisoned(calls), lambda _, __: "invalid")
    assert outcomes == ["1", "2", "invalid", "3"]
    assert calls == [["1", "2", "poison", "3"], ["1", "poison"], ["1"], ["poison"], ["2", "3"]]


async def test_what_the_edge_refuses_is_never_sent():
    calls = []
    items = [make.submit(MINE, input="\0"), make.submit(MINE, input="fine")]
    assert await each(items, poisoned(calls), lambda _, why: why) == ["input: holds NUL", "fine"]
    assert calls == [["fine"]]


async def test_an_unreachable_ledger_is_nobodys_fault_and_raises():
    async def verb(_):
        raise LedgerUnavailableError

    with pytest.raises(LedgerUnavailableError):
        await each([make.submit(MINE)] * 2, verb, lambda _, __: "invalid")


async def test_calls_of_one_turn_share_a_batch_and_a_lone_one_waits_for_nobody():
    batches = []

    async def verb(items):
        batches.append(len(items))
        return [i.input for i in items]

    joined = Joined(verb)
    assert await joined.call(make.submit(MINE, input="alone")) == "alone"
    items = [make.submit(MINE, input=str(n)) for n in range(50)]
    assert await asyncio.gather(*(joined.call(i) for i in items)) == [i.input for i in items]
    assert batches == [1, 50]


async def test_a_failed_batch_fails_each_caller_with_an_error_of_its_own():
    async def verb(_):
        raise LedgerUnavailableError

    joined = Joined(verb)
    calls = [joined.call(make.submit(MINE)) for _ in range(3)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(e) for e in errors] == [LedgerUnavailableError] * 3
    assert len({id(e) for e in errors}) == 3


async def test_a_caller_that_has_left_harms_nobody():
    async def verb(items):
        await asyncio.sleep(0)
        return [i.input for i in items]

    joined = Joined(verb)
    gone = asyncio.create_task(joined.call(make.submit(MINE, input="gone")))
    stays = asyncio.create_task(joined.call(make.submit(MINE, input="stays")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == "stays"
