from __future__ import annotations

import asyncio

import pytest

from gateway_scene import scene


@pytest.fixture
async def door(ledger_server):
    async with scene(ledger_server, []) as made:
        yield made


async def test_a_submit_is_accepted_with_an_id_and_where_to_look(door):
    answer = await door.submit({"topic": "rivers"})
    assert answer.status_code == 202
    said = answer.json()
    assert said["links"]["self"] == f"{door.runs}/{said['id']}" == answer.headers["location"]
    run = await door.run(said["id"])
    assert (run["status"], run["input"]) == ("Pending", {"topic": "rivers"})


async def test_a_run_goes_from_step_to_step_to_its_answer(door):
    run = await door.run_id()
    (lease,) = await door.claim("c-1")
    assert lease["step"] == "outline"
    assert lease["input"] == {"topic": "rivers"}
    assert lease["pipeline"]["digest"] == door.pipeline.digest
    done = await door.complete(lease, {"points": 3}, "d-1")
    assert done["outcome"] == "Done"
    (lease,) = await door.claim("c-2", knownDigests=[door.pipeline.digest])
    assert lease["outputs"] == {"outline": {"points": 3}}
    assert "pipeline" not in lease
    await door.complete(lease, "The end.", "d-2")
    found = await door.run(run)
    assert (found["status"], found["output"]) == ("Succeeded", "The end.")


async def test_the_same_key_and_body_is_the_same_run(door):
    headers = {"idempotency-key": "k-1"}
    first = await door.submit({"a": 1, "b": 2}, headers=headers)
    again = await door.submit({"b": 2, "a": 1}, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]


async def test_a_repeat_says_what_became_of_the_run(door):
    headers = {"idempotency-key": "k-1"}
    first = (await door.submit(headers=headers)).json()
    assert first["status"] == "Pending"
    (lease,) = await door.claim("c-1")
    again = (await door.submit(headers=headers)).json()
    assert (again["id"], again["status"]) == (first["id"], "Running")
    done = await door.complete(lease, 1, "d-1", next={"keyHash": "c" * 64})
    await door.complete(done["next"], 2, "d-2")
    answer = await door.submit(headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (202, "Succeeded")


async def test_the_same_key_with_another_body_is_a_conflict(door):
    headers = {"idempotency-key": "k-2"}
    await door.submit({"a": 1}, headers=headers)
    answer = await door.submit({"a": 2}, headers=headers)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


async def test_wait_answers_with_the_result(door):
    waiting = asyncio.ensure_future(door.submit(params={"wait": "20s"}))
    (lease,) = await door.claim("c-1", wait=10)
    done = await door.complete(lease, 1, "d-1", next={"keyHash": "a" * 64})
    await door.complete(done["next"], 2, "d-2")
    answer = await waiting
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["output"]) == ("Succeeded", 2)


async def test_a_wait_that_is_too_short_is_still_an_acceptance(door):
    answer = await door.submit(params={"wait": "1s"})
    assert answer.status_code == 202
