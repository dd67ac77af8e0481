"""Items that arrive together travel together; a lone one waits for nobody."""

from __future__ import annotations

import asyncio

import pytest

from headrace_gateway.batch import PARALLEL, Batcher
from headrace_gateway.errors import UnavailableError
from headrace_ledger.errors import LedgerUnavailableError


class Verb:
    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.fails = False

    async def __call__(self, items):
        self.batches.append(list(items))
        await self.go.wait()
        if self.fails:
            raise LedgerUnavailableError
        return [item * 10 for item in items]


async def test_callers_of_one_turn_share_one_call():
    verb = Verb()
    batch = Batcher(verb)
    got = await asyncio.gather(*(batch.put([n, n + 100]) for n in range(5)))
    assert got == [[n * 10, (n + 100) * 10] for n in range(5)]
    assert len(verb.batches) <= PARALLEL
    assert sum(map(len, verb.batches)) == 10


async def test_what_comes_meanwhile_gathers():
    verb = Verb()
    verb.go.clear()
    batch = Batcher(verb)
    puts = []
    for n in range(20):
        puts.append(asyncio.ensure_future(batch.put([n])))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    verb.go.set()
    await asyncio.gather(*puts)
    assert len(verb.batches) <= PARALLEL + 1


async def test_a_large_pile_goes_in_bounded_parts():
    verb = Verb()
    batch = Batcher(verb, largest=4)
    assert await batch.put(range(10)) == [n * 10 for n in range(10)]
    assert sorted(map(len, verb.batches)) == [2, 4, 4]


async def test_a_failure_is_everybodys_and_the_next_call_is_new():
    verb = Verb()
    verb.fails = True
    batch = Batcher(verb)
    got = await asyncio.gather(*(batch.put([n]) for n in range(3)), return_exceptions=True)
    assert {type(each) for each in got} == {LedgerUnavailableError}
    verb.fails = False
    assert await batch.put([1]) == [10]


async def test_a_caller_who_goes_takes_nobody_along():
    verb = Verb()
    verb.go.clear()
    batch = Batcher(verb)
    leaver = asyncio.ensure_future(batch.put([1]))
    stayer = asyncio.ensure_future(batch.put([2]))
    await asyncio.sleep(0)
    leaver.cancel()
    verb.go.set()
    assert await stayer == [20]


async def test_a_stalled_ledger_makes_no_endless_pile():
    verb = Verb()
    verb.go.clear()
    batch = Batcher(verb)
    waiting = asyncio.ensure_future(batch.put(range(15_000)))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await batch.put(range(15_000))
    verb.go.set()
    await waiting
