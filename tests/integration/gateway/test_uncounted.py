"""What is recorded of an answer whose provider did not count."""

from __future__ import annotations

import json
from decimal import Decimal

import asyncpg
import pytest

from gateway_calling import calling
from gateway_provider import DONE, FRAMES, Provider, Say, stream, whole
from gateway_scene import listening, scene
from headrace_ledger.declared import LimitRow, LimitSet
from headrace_ledger.limits import nano


def document(usage):
    return Say(pieces=[json.dumps({**whole("Rivers."), "usage": usage}).encode()])


UNCOUNTED = {
    "a document without usage": (document(None), False),
    "a document with a usage of nothing": (
        document({"prompt_tokens": 0, "completion_tokens": 0}),
        False,
    ),
    "a stream without usage": (stream(*FRAMES[:3], DONE), True),
}


@pytest.mark.parametrize(("said", "streamed"), UNCOUNTED.values(), ids=UNCOUNTED)
async def test_regression_09_an_answer_without_usage_is_recorded_with_an_estimate(
    ledger_server, said, streamed
):
    provider = Provider(said)
    async with listening(provider) as url, scene(ledger_server, [url]) as door:
        await door.run_id()
        (lease,) = await door.claim("m-1")
        assert (await door.chat(door.key("m-1"), stream=streamed)).status_code == 200
        usage = (await door.run(lease["run"]))["usage"]
    asked = len(json.dumps(provider.asked[0], separators=(",", ":")))
    assert usage["inputTokens"] == -(-asked // 4)
    assert usage["outputTokens"] > 0
    assert usage["cost"] not in (None, "0")
    con = await asyncpg.connect(ledger_server.admin_url)
    row = await con.fetchrow(
        "SELECT estimated, price_version, pipeline FROM headrace.calls WHERE run = $1",
        lease["run"],
    )
    await con.close()
    assert (row["estimated"], row["price_version"]) == (True, "spec")
    assert row["pipeline"] is not None


async def test_regression_09_what_is_told_and_settled_is_the_estimate_that_is_recorded(
    ledger_server,
):
    async with calling(ledger_server, document(None)) as (door, _, key):
        row = LimitRow("month", "cost", "CalendarMonth", 10**9, spec='{"currency": "USD"}')
        await door.operator.put_limits(LimitSet(door.names.tenant, "tenant", "digest", (row,)))
        answer = await door.chat(key)
        spent = (await door.run(door.lease["run"]))["usage"]["cost"]
        (month,) = await door.ledger.usage(door.names.tenant)
        labels = {"provider": door.names.provider, "currency": "USD"}
        counted = door.app.world.metrics.registry.get_sample_value(
            "headrace_model_cost_total", labels
        )
    assert Decimal(answer.headers["x-headrace-cost"]) == Decimal(spent) > 0
    assert (month.used, month.reserved) == (nano(Decimal(spent)), 0)
    assert counted == pytest.approx(float(spent))


async def test_a_call_that_nobody_answered_is_recorded_as_it_is_charged(ledger_server):
    """Its provider has read the prompt: budget, run and report tell of the same money."""
    slow = {"timeouts": {"connect": "1s", "firstByte": "1s", "total": "20s"}}
    async with calling(ledger_server, Say(pieces=[30.0]), spec=slow) as (door, _, key):
        tenant = door.names.tenant
        row = LimitRow("month", "cost", "CalendarMonth", 10**9, spec='{"currency": "USD"}')
        await door.operator.put_limits(LimitSet(tenant, "tenant", "digest", (row,)))
        answer = await door.chat(key)
        assert answer.headers["x-headrace-error-class"] == "Timeout"
        con = await asyncpg.connect(ledger_server.admin_url)
        recorded = await con.fetchrow(
            "SELECT status, live, estimated, cost FROM headrace.calls WHERE tenant = $1", tenant
        )
        await con.close()
        assert tuple(recorded)[:3] == (504, False, True)
        [usage] = await door.ledger.usage(tenant)
        assert nano(recorded["cost"]) == usage.used > 0
        spent = (await door.run(door.lease["run"]))["usage"]["cost"]
        assert nano(Decimal(spent)) == usage.used
