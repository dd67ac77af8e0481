"""Completes that are due together."""

from __future__ import annotations

import asyncio

import pytest

from headrace_contract.protocol import CompleteAnswer, CompleteItem, CompleteResponse
from headrace_worker.completions import AT_ONCE, MOST_ITEMS, Completions
from headrace_worker.errors import DoorRefusedError
from headrace_worker.means import Means
from worker_scenes import Scene, until


class Slow:
    """A door whose completes wait until they are let go."""

    def __init__(self):
        self.sizes = []
        self.go = asyncio.Event()

    async def complete(self, request):
        self.sizes.append(len(request.items))
        await self.go.wait()
        if any(item.output == "poison" for item in request.items):
            message = "422 Invalid"
            raise DoorRefusedError(message, status=422)
        items = [CompleteAnswer(task=i.task, fence=1, outcome="Done") for i in request.items]
        return CompleteResponse(items=items)


@pytest.fixture
def scene():
    return Scene(door=Slow())


@pytest.fixture
def completions(scene):
    return Completions(Means.of(scene.profile, scene.world()))


def put(completions, count, size=10, output=None):
    items = [CompleteItem(task=f"t{n}", fence=1, output=output) for n in range(count)]
    return [asyncio.create_task(completions.put(item, size)) for item in items]


async def test_what_is_due_in_one_turn_goes_in_one_request(scene, completions):
    scene.door.go.set()
    answers = await asyncio.gather(*put(completions, 10))
    assert [answer.task for answer in answers] == [f"t{n}" for n in range(10)]
    assert scene.door.sizes == [10]


async def test_a_lone_complete_waits_for_no_other(scene, completions):
    for n in range(1, AT_ONCE + 1):
        put(completions, 1)
        await until(lambda n=n: len(scene.door.sizes) == n)
    put(completions, 30)
    scene.door.go.set()
    await until(lambda: scene.door.sizes == [1] * AT_ONCE + [30])


async def test_a_request_stays_small(scene, completions):
    scene.door.go.set()
    await asyncio.gather(*put(completions, MOST_ITEMS + 1))
    assert scene.door.sizes == [MOST_ITEMS, 1]
    scene.door.sizes.clear()
    await asyncio.gather(*put(completions, 5, size=100 * 1024))
    assert scene.door.sizes == [2, 2, 1]
    scene.door.sizes.clear()
    await asyncio.gather(*put(completions, 2, size=1024 * 1024))
    assert scene.door.sizes == [1, 1]


async def test_one_that_is_refused_harms_no_other(scene, completions):
    scene.door.go.set()
    good, bad = put(completions, 2), put(completions, 1, output="poison")
    answers = await asyncio.gather(*good, *bad, return_exceptions=True)
    assert [type(answer) for answer in answers] == [
        CompleteAnswer,
        CompleteAnswer,
        DoorRefusedError,
    ]
    assert scene.door.sizes == [3, 1, 1, 1]


async def test_closing_tells_those_who_wait(scene, completions):
    waiting = put(completions, 2)
    await until(lambda: scene.door.sizes)
    completions.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(answer) for answer in answers} == {asyncio.CancelledError}


async def test_one_who_went_away_does_not_stop_the_others(scene, completions):
    waiting = put(completions, 2)
    await until(lambda: scene.door.sizes)
    waiting[0].cancel()
    scene.door.go.set()
    assert (await waiting[1]).outcome == "Done"
