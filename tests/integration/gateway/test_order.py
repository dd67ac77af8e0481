"""Priority and deadline at the door: what is taken, what is refused, and what it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway_rows import row
from gateway_scene import compiled, now, scene


@pytest.fixture
async def door(ledger_server):
    async with scene(ledger_server, []) as made:
        yield made


async def test_a_high_run_is_worked_on_before_an_older_one(door):
    await door.run_id()
    deadline = (now() + timedelta(hours=2)).replace(microsecond=0)
    asked = {"priority": "High", "deadline": deadline.isoformat()}
    high = (await door.submit(params=asked)).json()["id"]
    (lease,) = await door.claim("c-1")
    assert lease["run"] == high
    found = await door.run(high)
    assert found["priority"] == "High"
    assert datetime.fromisoformat(found["deadline"]) == deadline


async def test_a_run_without_both_is_normal(door):
    found = await door.run(await door.run_id())
    assert (found["priority"], "deadline" in found) == ("Normal", False)


async def test_a_run_that_asks_for_none_gets_its_pipelines(ledger_server):
    async with scene(ledger_server, [], pipeline={"priority": "High"}) as door:
        assert (await door.run(await door.run_id()))["priority"] == "High"
        low = (await door.submit(params={"priority": "Low"})).json()["id"]
        assert (await door.run(low))["priority"] == "Low"


@pytest.mark.parametrize("dry", ["true", "false"])
async def test_more_than_the_tenants_most_is_refused(ledger_server, dry):
    async with scene(ledger_server, [], pipeline={"max_priority": "Normal"}) as door:
        answer = await door.submit(params={"priority": "High", "dryRun": dry})
        assert (answer.status_code, answer.json()["reason"]) == (403, "NotAllowedByTenant")
        assert "at most Normal" in answer.text
        assert (await door.submit(params={"priority": "Normal", "dryRun": dry})).status_code < 300


async def test_a_pipeline_that_was_made_anew_is_not_judged_by_the_one_before(door):
    await door.run_id()  # from here on the gateway remembers it for a second
    names = door.names
    anew = compiled(names, uid=f"anew-{names.tenant}", priority="Low", max_priority="Low")
    await door.operator.delete_pipeline(f"uid-{names.tenant}", names.tenant)
    await door.operator.put_pipeline(row(anew))
    answer = await door.submit(params={"priority": "Normal"})
    assert (answer.status_code, answer.json()["reason"]) == (403, "NotAllowedByTenant")
    assert (await door.run(await door.run_id()))["priority"] == "Low"


PAST = (datetime(2020, 1, 1, tzinfo=UTC)).isoformat()
REFUSED = {
    "an unknown priority": ({"priority": "Urgent"}, "Low, Normal, High"),
    "a priority in small letters": ({"priority": "high"}, "Low, Normal, High"),
    "a deadline that has passed": ({"deadline": PAST}, "passed"),
    "a deadline without a zone": ({"deadline": "2100-01-01T00:00:00"}, "zone"),
    "a deadline that is no time": ({"deadline": "soon"}, "zone"),
    "a deadline beyond the calendar": ({"deadline": "0001-01-01T00:00:00+23:00"}, "range"),
}


@pytest.mark.parametrize(("asked", "why"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_kept_is_refused(door, asked, why):
    answer = await door.submit(params=asked)
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")
    assert why in answer.text


async def test_a_repeat_is_the_same_run_whatever_its_deadline(door):
    headers = {"idempotency-key": "k-1"}
    first, again = [
        await door.submit(
            headers=headers, params={"deadline": (now() + timedelta(hours=h)).isoformat()}
        )
        for h in (1, 2)
    ]
    assert first.json()["id"] == again.json()["id"]
