"""What would become of a run: told, and nothing accepted, reserved or spent."""

from __future__ import annotations

import pytest

import ledger_rows
from gateway_scene import scene
from headrace_ledger.declared import LimitRow, LimitSet

NOWHERE = ["http://127.0.0.1:9", "http://127.0.0.1:9"]


async def look(door, **value):
    answer = await door.submit(value or None, params={"dryRun": "true"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_dry_run_tells_of_tokens_cost_and_queue_and_accepts_nothing(ledger_server):
    async with scene(ledger_server, NOWHERE) as door:
        await door.run_id()
        said = await look(door)
        assert (said["accepted"], said["ahead"], said["limits"]) == (True, 1, [])
        assert said["outputTokens"] == 64
        assert said["inputTokens"] > 0
        assert (said["currency"], float(said["cost"]) > 64 * 6e-6) == ("USD", True)
        listed = (await door.http.get(door.runs)).json()["items"]
        assert len(listed) == 1


async def test_a_dry_run_tells_which_limits_would_block_and_until_when(ledger_server):
    async with scene(ledger_server, NOWHERE) as door:
        rows = (
            LimitRow("day", "tokens", "CalendarDay", 10),
            LimitRow("rpm", "requests", "1m", 5),
            LimitRow("shadow", "tokens", "1m", 1, enforced=False),
            LimitRow("other", "tokens", "1m", 1, spec='{"models": ["another"]}'),
        )
        await door.operator.put_limits(LimitSet(door.names.tenant, "tenant", "d", rows))
        limits = {one["name"]: one for one in (await look(door))["limits"]}
        assert set(limits) == {"day", "rpm", "shadow"}
        assert (limits["day"]["blocks"], limits["day"]["tooSmall"]) == (True, True)
        assert limits["day"]["resetsAt"] is not None
        assert (limits["rpm"]["blocks"], limits["rpm"]["available"]) == (False, 5)
        assert limits["shadow"]["blocks"] is False
        usages = await door.ledger.usage(door.names.tenant)
        assert {one.used + one.reserved for one in usages} == {0}


async def test_a_dry_run_counts_what_a_limit_may_borrow(ledger_server):
    async with scene(ledger_server, NOWHERE) as door:
        word, lender = ledger_rows.fresh("cohort"), ledger_rows.fresh("tenant")
        small, large = (LimitRow("day", "tokens", "CalendarDay", n, cohort=word) for n in (10, 900))
        await door.operator.put_limits(LimitSet(door.names.tenant, "tenant", "d", (small,)))
        [alone] = (await look(door))["limits"]
        assert (alone["available"], alone["blocks"], alone["tooSmall"]) == (10, True, True)
        await door.operator.put_tenant(ledger_rows.tenant(lender))
        await door.operator.put_limits(LimitSet(lender, "tenant", "d", (large,)))
        [lent] = (await look(door))["limits"]
        assert (lent["available"], lent["blocks"], lent["tooSmall"]) == (910, False, False)


async def test_a_dry_run_is_refused_as_a_run_would_be(ledger_server):
    schema = {"type": "object", "required": ["topic"]}
    async with scene(ledger_server, NOWHERE, pipeline={"input_schema": schema}) as door:
        answer = await door.submit({"other": 1}, params={"dryRun": "true"})
        assert (answer.status_code, answer.json()["reason"]) == (422, "Invalid")


@pytest.mark.parametrize("given", ["", "yes", "True", "1"])
async def test_what_is_neither_true_nor_false_accepts_nothing(ledger_server, given):
    async with scene(ledger_server, NOWHERE) as door:
        answer = await door.submit(params={"dryRun": given})
        assert answer.status_code == 400
        assert (await door.http.get(door.runs)).json()["items"] == []
