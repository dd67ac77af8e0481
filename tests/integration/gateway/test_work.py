"""The worker protocol: long polls, lost answers, retries, items that cannot be stored."""

from __future__ import annotations

import asyncio

import httpx2 as httpx
import pytest

from gateway_scene import scene, until


@pytest.fixture
async def door(ledger_server):
    async with scene(ledger_server, []) as made:
        yield made


async def post(door, verb, **body):
    answer = await door.http.post(f"/v1/work/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def item(lease, **more):
    return {"task": lease["task"], "fence": lease["fence"], **more}


async def test_a_waiting_claim_is_woken_by_a_submit(door):
    waiting = asyncio.ensure_future(door.claim("c-1", wait=20))
    await until(lambda: door.app.world.metrics.waiting._value.get() == 1)
    began = asyncio.get_running_loop().time()
    await door.run_id()
    (lease,) = await waiting
    assert lease["step"] == "outline"
    assert asyncio.get_running_loop().time() - began < 1, "woken, not found by a poll"


async def test_a_claim_that_waits_in_vain_is_answered_empty(door):
    assert await door.claim("c-1", wait=0.05) == []


async def test_a_stopping_gateway_answers_the_long_polls_empty(door):
    waiting = asyncio.ensure_future(door.claim("c-1", wait=30))
    await until(lambda: door.app.world.metrics.waiting._value.get() == 1)
    door.app.stop()
    async with asyncio.timeout(2):
        assert await waiting == []


async def test_a_submit_at_another_gateway_wakes_a_claim_here(ledger_server, door):
    waiting = asyncio.ensure_future(door.claim("c-1", wait=20))
    await until(lambda: door.app.world.metrics.waiting._value.get() == 1)
    async with scene(ledger_server, [], names=door.names) as other:
        await other.run_id()
        async with asyncio.timeout(3):
            assert len(await waiting) == 1


async def test_many_workers_share_what_there_is_and_no_step_is_given_twice(door):
    for _ in range(10):
        await door.run_id()
    claims = [door.claim(f"c-{n}", slots=2, wait=0.3) for n in range(8)]
    leases = [lease for each in await asyncio.gather(*claims) for lease in each]
    assert len(leases) == len({lease["task"] for lease in leases}) == 10


async def test_a_retried_claim_finds_its_own_leases(door):
    await door.run_id()
    (first,) = await door.claim("c-1")
    (again,) = await door.claim("c-1")
    assert (again["task"], again["fence"]) == (first["task"], first["fence"])


async def test_leases_whose_caller_has_gone_are_handed_back(door):
    async with httpx.AsyncClient(
        base_url=door.url, headers=door.http.headers, trust_env=False
    ) as leaver:
        asking = asyncio.ensure_future(
            leaver.post("/v1/work/claim", json=door.wish("gone", wait=30), timeout=30)
        )
        await until(lambda: door.app.world.metrics.waiting._value.get() == 1)
        asking.cancel()
    await until(lambda: door.app.world.metrics.waiting._value.get() == 0)
    await door.run_id()
    assert len(await door.claim("c-2", wait=5)) == 1


async def test_a_retried_complete_gets_its_stored_answer(door):
    await door.run_id()
    (lease,) = await door.claim("c-1")
    first = await door.complete(lease, 1, "d-1")
    again = await door.complete(lease, 1, "d-1")
    other = await door.complete(lease, 1, "d-2")
    assert (first["outcome"], again["outcome"], other["outcome"]) == ("Done", "Done", "Stale")


async def test_a_complete_brings_the_next_step_of_the_run_along(door):
    await door.run_id()
    (lease,) = await door.claim("c-1")
    done = await door.complete(lease, {"n": 1}, "d-1", next={"keyHash": "ab" * 32})
    assert done["next"]["step"] == "write"
    assert done["next"]["outputs"] == {"outline": {"n": 1}}


async def test_one_poisonous_item_harms_nobody_else(door):
    for _ in range(3):
        await door.run_id()
    leases = await door.claim("c-1", slots=3)
    bad = [
        item(leases[0], output="a\x00b"),
        {"task": "not-an-id", "fence": 1, "output": 1},
        {"task": leases[1]["task"], "fence": 2**70, "output": 1},
        item(leases[1], output=2**80),
        item(leases[2], output="fine"),
    ]
    said = await post(door, "complete", requestId="d-1", worker="worker-1", items=bad)
    outcomes = [each["outcome"] for each in said["items"]]
    assert outcomes == ["Invalid", "Stale", "Stale", "Invalid", "Done"]
    assert "U+0000" in said["items"][0]["message"]


async def test_poisonous_items_of_the_other_verbs_have_outcomes_too(door):
    for _ in range(3):
        await door.run_id()
    one, two, three = await door.claim("c-1", slots=3)
    nobody = {"task": "nobody", "fence": 1}
    beats = await post(door, "heartbeat", worker="worker-1", leases=[item(one), nobody])
    assert [each["outcome"] for each in beats["leases"]] == ["Held", "Lost"]
    failed = [
        item(one, errorClass="StepError", message="a\x00b"),
        {**nobody, "errorClass": "StepError"},
    ]
    said = await post(door, "fail", requestId="f-1", worker="worker-1", items=failed)
    assert [each["outcome"] for each in said["items"]] == ["Retry", "Stale"]
    released = [item(two), nobody, item(three)]
    said = await post(door, "release", requestId="r-1", worker="worker-1", items=released)
    assert [each["outcome"] for each in said["items"]] == ["Released", "Stale", "Released"]


async def test_a_stale_fence_is_refused_by_every_verb(door):
    await door.run_id()
    (old,) = await door.claim("c-1")
    await post(door, "release", requestId="r-1", worker="worker-1", items=[item(old)])
    (new,) = await door.claim("c-2", wait=5)
    assert new["fence"] == old["fence"] + 1
    beat = await post(door, "heartbeat", worker="worker-1", leases=[item(old)])
    fail = await post(
        door, "fail", requestId="f", worker="w", items=[item(old, errorClass="StepError")]
    )
    release = await post(door, "release", requestId="r", worker="w", items=[item(old)])
    done = await door.complete(old, 1, "d-1")
    assert beat["leases"][0]["outcome"] == "Lost"
    assert fail["items"][0]["outcome"] == release["items"][0]["outcome"] == "Stale"
    assert done["outcome"] == "Stale"
    assert (await door.complete(new, 1, "d-2"))["outcome"] == "Done"


async def test_a_failure_that_cannot_be_mended_ends_the_run(door):
    run = await door.run_id()
    (lease,) = await door.claim("c-1")
    bad = item(lease, errorClass="InvalidOutput", message="no JSON")
    said = await post(door, "fail", requestId="f-1", worker="worker-1", items=[bad])
    assert said["items"][0]["outcome"] == "Dead"
    found = await door.run(run)
    assert found["status"] == "Failed"
    assert found["error"] == {"errorClass": "InvalidOutput", "message": "no JSON"}


async def test_an_unknown_version_of_the_protocol_is_a_refusal(door):
    answer = await door.http.post("/v1/work/claim", json=door.wish("c-1", protocol=99))
    assert answer.status_code == 422
    assert "version 1" in answer.json()["title"]


async def test_a_key_for_two_slots_is_refused(door):
    slot = {"keyHash": "ab" * 32}
    upper = {"keyHash": "AB" * 32}
    for slots in ([slot, slot], [slot, upper]):
        answer = await door.http.post("/v1/work/claim", json={**door.wish("c-1"), "slots": slots})
        assert answer.status_code == 422
        assert "differ" in answer.json()["title"]


@pytest.mark.parametrize("change", [{"namespace": "nowhere"}, {"pipeline": "x"}, {"pool": "x"}])
async def test_a_pool_that_is_not_there_is_not_found(door, change):
    answer = await door.http.post("/v1/work/claim", json=door.wish("c-1", **change))
    assert answer.status_code == 404


async def test_a_held_pool_gives_nothing(ledger_server):
    async with scene(ledger_server, [], row={"stop_policy": "Hold"}) as door:
        await door.run_id()
        assert await door.claim("c-1", wait=0.1) == []


async def test_a_cancel_wakes_who_waits_for_the_next_run(ledger_server):
    async with scene(ledger_server, [], row={"max_concurrent_runs": 1}) as door:
        first, second = await door.run_id(), await door.run_id()
        assert [lease["run"] for lease in await door.claim("c-1")] == [first]
        rung: list[int] = []  # of all pools, None, it rings for safety's sake alone
        door.app.world.wakes.on_pools(lambda pools: rung.extend(pools or ()))
        assert (await door.http.post(f"{door.runs}/{first}/cancel")).json()["accepted"]
        await until(lambda: rung)
        assert [lease["run"] for lease in await door.claim("c-2")] == [second]
