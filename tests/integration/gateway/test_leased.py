"""Calls that do not wait for the ledger: of limits whose units are drawn ahead, or of none."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

import ledger_rows as make
from gateway_calling import calling
from gateway_provider import FRAMES, Say, text
from gateway_scene import now, until
from headrace_gateway.clock import Clock
from headrace_gateway.models.leased import BLOCKS_PER_LIMIT, block_size
from headrace_gateway.options import Options
from headrace_ledger.declared import LimitRow
from headrace_ledger.errors import LedgerUnavailableError
from headrace_ledger.reservations import ReserveOutcome, block
from leased_scene import LEASED, leasing, most_in_a_second, rests

pytestmark = pytest.mark.postgres

CLOCK = Clock(now=now)
LARGEST = 1000
MANY = 12_000  # so that each of two gateways draws five at a time


async def test_few_calls_ask_the_ledger_and_what_is_not_used_is_given_back(ledger_server):
    async with leasing(ledger_server, window="1m", capacity=60_000) as house:
        for _ in range(40):
            assert await house.gateways[0].take(house.limit) is None
        assert house.asked[0].reserves < 40  # 50 units at a time, each block for 50 ms
        assert await house.rests() == 40


async def test_a_unit_that_came_to_nothing_is_put_back(ledger_server):
    async with leasing(ledger_server, window="1m", capacity=60_000) as house:
        mine = house.gateways[0]
        assert await mine.take(house.limit) is None
        mine.put_back(house.limit)
        mine.put_back(house.limit)  # no more than it was
        assert await house.rests() == 0


async def test_gateways_together_never_let_through_more_than_the_limit(ledger_server):
    async with leasing(ledger_server, gateways=2, window="1m", capacity=MANY) as house:
        taken = 0

        async def caller(mine):
            nonlocal taken
            said = None
            while said is None:
                said = await mine.take(house.limit)
                taken += said is None
            assert (said.outcome, said.limit_id) == (ReserveOutcome.BLOCKED, house.limit.id)
            assert said.seconds > 0

        await asyncio.gather(*(caller(mine) for mine in house.gateways for _ in range(20)))
        assert await house.rests() == taken <= MANY
        # A caller who stops at the first refusal leaves what others give back a moment later.
        for _ in range(MANY - taken):
            await asyncio.wait_for(_until_taken(house), 20)
        assert await house.rests() == MANY


async def _until_taken(house):
    while await house.gateways[0].take(house.limit) is not None:  # noqa: ASYNC110 -- no bell rings
        await asyncio.sleep(0.01)


async def test_in_no_window_is_more_let_through_than_the_stated_bound(ledger_server):
    async with leasing(ledger_server, gateways=2, window="1s") as house:
        most, taken = await most_in_a_second(house)
        assert taken > LARGEST
        assert most <= LARGEST + LARGEST // BLOCKS_PER_LIMIT


async def test_a_refusal_is_believed_for_a_while_and_then_asked_again(ledger_server):
    async with leasing(ledger_server) as house:
        asked, mine = house.asked[0], house.gateways[0]
        wish = block(house.limit, make.uuid7(), LARGEST)
        await house.ledger.reserve(wish)
        assert (await mine.take(house.limit)).outcome is ReserveOutcome.BLOCKED
        before = asked.reserves
        assert (await mine.take(house.limit)).outcome is ReserveOutcome.BLOCKED
        assert asked.reserves == before
        await house.ledger.settle(make.settlement(wish, 0, calls=0))
        await asyncio.wait_for(_until_taken(house), 20)


async def test_without_a_ledger_nothing_is_let_through_and_the_block_at_hand_is(ledger_server):
    async with leasing(ledger_server, window="1m", capacity=6_000_000) as house:
        asked, mine = house.asked[0], house.gateways[0]
        assert await mine.take(house.limit) is None
        asked.away = True
        await until(lambda: not mine._blocks)
        with pytest.raises(LedgerUnavailableError):
            await mine.take(house.limit)


async def test_a_block_of_a_dead_gateway_is_used_and_is_no_call(ledger_server):
    async with leasing(ledger_server, window="1m", capacity=6_000_000) as house:
        assert await house.gateways[0].take(house.limit) is None
        house.asked[0].away = True  # it never gives it back
        admin = await asyncpg.connect(ledger_server.admin_url)
        try:
            await admin.execute(
                "UPDATE headrace.reservations SET expires_at = now() - interval '1 s'"
                " WHERE tenant = $1",
                house.limit.tenant,
            )
            await house.ledger.sweep()
            assert await house.rests() == block_size(house.limit, 1) > 1
            calls = "SELECT count(*) FROM headrace.calls WHERE tenant = $1"
            assert await admin.fetchval(calls, house.limit.tenant) == 0
        finally:
            await admin.close()


async def test_calls_of_a_step_take_of_a_leased_limit_and_wait_at_it(ledger_server):
    options = Options(short_wait_seconds=0.2, sweep_seconds=0.1)
    async with calling(ledger_server, text(), options=options) as (door, provider, key):
        tenant = door.names.tenant
        row = LimitRow("rps", "requests", "1h", LARGEST, spec=LEASED)
        await door.operator.put_limits(make.limits(tenant, row))
        assert (await door.chat(key)).status_code == 200

        [limit] = [one for one in await door.ledger.limits_of(tenant) if one.tenant == tenant]
        assert await rests(door.ledger, tenant) == 1
        rest = block(limit, make.uuid7(), LARGEST - 1)
        assert (await door.ledger.reserve(rest)).outcome is ReserveOutcome.RESERVED
        answer = await door.chat(key, temperature=1)
        assert (answer.status_code, answer.json()["reason"]) == (429, "WaitingForRequests")
        assert len(provider.asked) == 1
        done = await door.complete(door.lease, "whatever", "c-1")
        assert done["outcome"] == "Parked"


async def test_a_call_that_no_limit_concerns_is_in_the_ledger_while_it_is_made(ledger_server):
    goes_on = asyncio.Event()
    slow = Say(pieces=FRAMES, hold=goes_on, headers={"content-type": "text/event-stream"})
    async with calling(ledger_server, slow) as (door, provider, key):
        admin = await asyncpg.connect(ledger_server.admin_url)
        try:

            async def held():
                count = "SELECT count(*) FROM headrace.reservations WHERE tenant = $1"
                return await admin.fetchval(count, door.names.tenant)

            async def becomes(want):
                async with asyncio.timeout(10):
                    while await held() != want:  # noqa: ASYNC110 -- a table rings no bell
                        await asyncio.sleep(0.005)

            call = asyncio.ensure_future(door.chat(key, stream=True))
            await becomes(1)  # a gateway that dies now leaves it to be settled at the estimate
            goes_on.set()
            assert (await call).status_code == 200
            await becomes(0)
            assert len(provider.asked) == 1
        finally:
            await admin.close()
