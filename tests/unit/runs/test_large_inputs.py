"""A large input is checked while the others go on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from headrace_gateway.errors import InvalidError
from headrace_gateway.runs.submit import SubmitRoute

NUMBERS = {"type": "array", "items": {"type": "integer"}}


def route(schema):
    compiled = SimpleNamespace(input_schema=schema, input_max_bytes=1 << 20)

    async def parsed(_tenant, _digest):
        return compiled

    world = SimpleNamespace(
        versions=SimpleNamespace(parsed=parsed), ledger=None, clock=SimpleNamespace(monotonic=None)
    )
    return SubmitRoute(world, access=None)


async def turns_while_checking(schema, value):
    """Count how often the loop turns before the input is judged."""
    pipeline = SimpleNamespace(tenant="acme", digest="sha256:0")
    check = asyncio.ensure_future(route(schema)._check(pipeline, b"", value))
    turns = 0
    while not check.done():
        turns += 1
        await asyncio.sleep(0)
    await check
    return turns


async def test_a_small_input_is_judged_in_one_go():
    assert await turns_while_checking(NUMBERS, [1, 2, 3]) <= 2


async def test_a_large_input_leaves_the_loop_to_others():
    assert await turns_while_checking(NUMBERS, [1] * 50_000) > 10


async def test_a_large_input_is_judged_all_the_same():
    with pytest.raises(InvalidError) as caught:
        await turns_while_checking(NUMBERS, [*[1] * 50_000, "x"])
    [problem] = caught.value.problem()["problems"]
    assert problem["path"] == "input[50000]"
