"""How far a limit of tokens is exceeded: by what calls under way use beyond their estimates."""

from __future__ import annotations

import asyncio
import json

from gateway_calling import calling
from gateway_provider import Say, whole
from gateway_scene import until
from headrace_gateway.options import Options
from headrace_ledger.declared import LimitRow, LimitSet

USED = 204
"""Tokens of a call, as the provider counts them: more than twice its estimate."""
AT_ONCE = 4
LIMIT = 400
SHORT = Options(short_wait_seconds=0.2)


def late(goes_on):
    usage = {"prompt_tokens": USED - 4, "completion_tokens": 4, "total_tokens": USED}
    return Say(pieces=[b"", json.dumps({**whole(), "usage": usage}).encode()], hold=goes_on)


async def test_tokens_are_exceeded_by_no_more_than_one_call_of_each_that_is_under_way(
    ledger_server,
):
    goes_on = asyncio.Event()
    script = [late(goes_on) for _ in range(AT_ONCE)]
    async with calling(ledger_server, *script, options=SHORT) as (door, provider, key):
        tenant = door.names.tenant
        row = LimitRow("tpm", "tokens", "1h", LIMIT)
        await door.operator.put_limits(LimitSet(tenant, "tenant", "digest", (row,)))

        async def usage():
            [found] = await door.ledger.usage(tenant)
            return found

        calls = [asyncio.create_task(door.chat(key, temperature=n)) for n in range(AT_ONCE)]
        await until(lambda: len(provider.asked) == AT_ONCE)
        estimated = (await usage()).reserved
        assert 0 < estimated <= LIMIT
        goes_on.set()
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
        used = (await usage()).used
        assert used == AT_ONCE * USED > LIMIT
        errors = AT_ONCE * USED - estimated
        print(f"{used - LIMIT} of {LIMIT} tokens over: {AT_ONCE} calls erred by {errors}")
        assert used - LIMIT <= errors
        refused = await door.chat(key, temperature=9)
        assert (refused.status_code, refused.json()["reason"]) == (429, "WaitingForTokens")
        assert len(provider.asked) == AT_ONCE  # nothing more is let through
