"""Keys: each once, never in two passes, later each time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from headrace_operator.model.resource import Key
from headrace_operator.reconcile.queue import LONGEST_DELAY, WorkQueue

A, B = Key("AgentPipeline", "n", "a"), Key("AgentPipeline", "n", "b")


def queue(chance=0.0):
    return WorkQueue(lambda: 0.0, lambda: chance)


async def test_a_key_that_is_added_twice_is_due_once():
    one = queue()
    one.add(A)
    one.add(A)
    one.add(B)
    assert one.depth() == 2
    async with one.take() as key:
        assert key == A
    async with one.take() as key:
        assert key == B
    assert one.idle()


async def test_a_key_is_never_in_two_passes():
    one = queue()
    one.add(A)
    async with one.take() as key:
        one.add(key)
        assert one.depth() == 0
        assert not one.idle()
    assert one.depth() == 1


async def test_whoever_waits_is_woken():
    one = queue()

    async def take():
        async with one.take() as key:
            return key

    waiting = [asyncio.create_task(take()) for _ in range(2)]
    await asyncio.sleep(0)
    one.add(A)
    one.add(B)
    assert set(await asyncio.gather(*waiting)) == {A, B}


async def test_a_pass_that_raises_gives_its_key_back():
    one = queue()
    one.add(A)
    with pytest.raises(ValueError, match="x"):
        async with one.take():
            int("x")
    assert one.idle()
    one.add(A)
    assert one.depth() == 1


async def test_what_is_due_later_comes_by_itself_and_the_earlier_time_wins():
    one = queue()
    one.again(A, timedelta(seconds=50))
    one.again(A, timedelta(milliseconds=1))
    one.again(A, timedelta(seconds=60))
    async with asyncio.timeout(5), one.take() as key:
        assert key == A
    assert one._timers == {}


async def test_what_is_due_now_is_not_due_later_too():
    one = queue()
    one.again(A, timedelta(seconds=50))
    one.add(A)
    one.again(A, timedelta(seconds=1))
    assert one._timers == {}
    assert one.depth() == 1


def test_failures_wait_longer_each_time_up_to_five_minutes():
    one = queue(chance=1.0)
    waits = [one.failed(A) for _ in range(20)]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert waits[-1] == LONGEST_DELAY == 300.0
    one.succeeded(A)
    assert one.failed(A) == 0.5


async def test_what_waits_after_a_failure_can_be_hurried():
    one = queue()
    one.again(A, timedelta(seconds=one.failed(A)))
    one.again(B, timedelta(seconds=50))
    one.hurry()
    assert one.depth() == 1
    assert list(one._timers) == [B]
    one._timers[B].cancel()


def test_failures_are_spread_by_chance():
    assert queue(chance=0.0).failed(A) == 0.25
    assert queue(chance=1.0).failed(A) == 0.5
