"""Limits per key at the door: what a key may be, and what a run over its limit is told."""

from __future__ import annotations

import asyncio
import dataclasses
from itertools import count

import pytest

from gateway_rows import row
from gateway_scene import scene
from headrace_contract.compiled import CompiledKey

NOWHERE = ["http://127.0.0.1:9", "http://127.0.0.1:9"]


def per(on_exceed="Queue", key="input.customer", limit=1):
    keys = [CompiledKey(name="customer", key=key, limit=limit, on_exceed=on_exceed)]
    return {"pipeline": {"keys": keys}}


async def show(door, run):
    return (await door.http.get(f"{door.runs}/{run}")).json()


async def test_a_run_over_its_limit_says_what_it_waits_for(ledger_server):
    async with scene(ledger_server, NOWHERE, **per()) as door:
        first, second, other = [await door.run_id({"customer": c}) for c in (7, 7, 8)]
        told = [(await show(door, run)).get("reason") for run in (first, second, other)]
        assert told == [None, "WaitingForKey", None]
        listed = (await door.http.get(door.runs, params={"status": "Pending"})).json()["items"]
        assert {one["id"]: one.get("reason") for one in listed}[second] == "WaitingForKey"
        await door.http.post(f"{door.runs}/{first}/cancel")
        assert "reason" not in await show(door, second)


async def test_with_reject_a_run_over_its_limit_is_refused(ledger_server):
    async with scene(ledger_server, NOWHERE, **per("Reject")) as door:
        value, header = {"customer": "acme"}, {"idempotency-key": "k-1"}
        accepted = await door.submit(value, headers=header)
        assert accepted.status_code == 202
        again = await door.submit(value, headers=header)
        assert (again.status_code, again.json()["id"]) == (202, accepted.json()["id"])
        refused = await door.submit(value)
        said = refused.json()
        assert (refused.status_code, said["reason"]) == (429, "KeyLimitReached")
        assert "limits.perKey 'customer'" in said["title"]


async def test_the_oldest_run_is_cancelled_in_favour_of_the_newest(ledger_server):
    async with scene(ledger_server, NOWHERE, **per("CancelOldest")) as door:
        old, new = [await door.run_id({"customer": "acme"}) for _ in range(2)]
        cancelled = await show(door, old)
        assert cancelled["status"] == "Cancelled"
        assert "limits.perKey 'customer'" in cancelled["error"]["message"]
        assert "reason" not in await show(door, new)


KEYS = {
    "a text": ({"customer": "a"}, {"customer": "b"}),
    "a number": ({"customer": 1}, {"customer": 2}),
    "a boolean": ({"customer": True}, {"customer": False}),
    "a text of 256 bytes": ({"customer": "ä" * 128}, {"customer": "ö" * 128}),
}


@pytest.mark.parametrize(("one", "other"), KEYS.values(), ids=KEYS)
async def test_what_a_key_may_be(ledger_server, one, other):
    async with scene(ledger_server, NOWHERE, **per("Reject")) as door:
        codes = [(await door.submit(value)).status_code for value in (one, one, other)]
        assert codes == [202, 429, 202]


BAD = {
    "absent": {"topic": "rivers"},
    "empty": {"customer": ""},
    "too long": {"customer": "ä" * 129},
    "a fraction": {"customer": 1.5},
    "a list": {"customer": [1]},
    "of a large input": {"customer": {}, "more": "x" * 20_000},
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
async def test_an_input_without_a_key_is_refused_and_told_why(ledger_server, value):
    async with scene(ledger_server, NOWHERE, **per()) as door:
        answer = await door.submit(value)
        said = answer.json()
        assert (answer.status_code, said["reason"]) == (422, "Invalid")
        assert said["problems"][0]["path"] == "limits.perKey 'customer'"
        assert (await door.http.get(door.runs)).json()["items"] == []


async def test_a_key_of_null_is_no_key(ledger_server):
    key = "has(input.customer) ? input.customer : null"
    async with scene(ledger_server, NOWHERE, **per("Reject", key)) as door:
        codes = [(await door.submit({"topic": "rivers"})).status_code for _ in range(3)]
        assert codes == [202] * 3


async def test_a_dry_run_tells_how_many_are_open(ledger_server):
    async with scene(ledger_server, NOWHERE, **per("Reject")) as door:
        value = {"customer": "acme"}

        async def look():
            said = (await door.submit(value, params={"dryRun": "true"})).json()
            return said["accepted"], said["keys"][0]["open"]

        assert await look() == (True, 0)
        await door.run_id(value)
        assert await look() == (False, 1)


async def test_a_changed_key_is_read_by_the_version_that_takes_the_run(ledger_server):
    async with scene(ledger_server, NOWHERE, **per("Reject")) as door:
        await door.run_id({"customer": "a", "region": "x"})
        key = CompiledKey(name="customer", key="input.region", limit=1, on_exceed="Reject")
        changed = door.pipeline.model_copy(update={"keys": [key]}).sealed()
        await door.operator.put_pipeline(dataclasses.replace(row(changed), generation=2))
        async with asyncio.timeout(10):
            news = count()  # a version is known for a second: until then the customer is the key
            while (await door.submit({"customer": next(news), "region": "x"})).status_code == 202:
                pass
        answer = await door.submit({"customer": "a", "region": "y"})
        assert answer.status_code == 202
