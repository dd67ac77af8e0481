"""Whole runs through one worker, at a door in memory."""

from __future__ import annotations

import asyncio
import hashlib
import logging

import pytest

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import DoorRefusedError, StepFailedError
from headrace_worker.testing import ScriptedModel
from worker_scenes import Scene, finished, llm, pipeline, until


async def test_a_chain_of_three_steps_is_one_claim_and_three_completes():
    scene = Scene(model=ScriptedModel("One.", "Two.", "Three."))
    steps = (
        llm("first", "About {{ input.topic }}."),
        llm("second", "After {{ steps.first.output }}", after=["first"]),
        llm("third", "After {{ steps.second.output }}", after=["second"]),
    )
    async with scene.worker():
        run = await finished(scene.door.submit(pipeline(*steps), {"topic": "rivers"}))
    assert run.status == "succeeded"
    assert run.outputs == {"first": "One.", "second": "Two.", "third": "Three."}
    assert [body["messages"][0]["content"] for body in scene.model.bodies] == [
        "About rivers.",
        "After One.",
        "After Two.",
    ]
    claimed = {task.claimed_by for task in run.tasks.values()}
    completed = [request.request_id for request in scene.door.asked("complete")]
    assert len(completed) == 3
    assert claimed - set(completed) == {run.tasks["first"].claimed_by}


async def test_steps_that_do_not_depend_on_each_other_run_at_the_same_time():
    scene = Scene()
    scene.model.go.clear()
    steps = (llm("left"), llm("right"), llm("both", after=["left", "right"]))
    async with scene.worker():
        run = scene.door.submit(pipeline(*steps), {})
        await until(lambda: len(scene.model.bodies) == 2)
        assert [task.state for task in run.tasks.values()] == ["leased", "leased", "waiting"]
        scene.model.go.set()
        assert (await finished(run)).status == "succeeded"


async def test_no_more_is_claimed_than_slots_are_free():
    scene = Scene().with_profile(concurrency=2)
    scene.model.go.clear()
    async with scene.worker():
        runs = [scene.door.submit(pipeline(llm("only")), {}) for _ in range(5)]
        await until(lambda: len(scene.model.bodies) == 2)
        states = [run.tasks["only"].state for run in runs]
        assert states == ["leased", "leased", "ready", "ready", "ready"]
        scene.model.go.set()
        for run in runs:
            await finished(run)
    assert max(len(claim.slots) for claim in scene.door.asked("claim")) == 2


async def test_the_first_claim_waits_for_nothing_and_the_next_one_does():
    scene = Scene()
    async with scene.worker() as worker:
        await until(lambda: len(scene.door.asked("claim")) == 2)
        assert worker.vitals.ready
    assert [claim.wait_seconds for claim in scene.door.asked("claim")] == [0, 5]


async def test_a_key_is_offered_once_and_only_its_hash_leaves_the_worker():
    scene = Scene()
    async with scene.worker():
        for _ in range(20):
            await finished(scene.door.submit(pipeline(llm("a"), llm("b", after=["a"])), {}))
    hashes = [slot.key_hash for claim in scene.door.asked("claim") for slot in claim.slots]
    hashes += [c.items[0].next.key_hash for c in scene.door.asked("complete") if c.items[0].next]
    assert len(hashes) == len(set(hashes))
    assert len(set(scene.model.keys)) == 40
    assert {hashlib.sha256(key.encode()).hexdigest() for key in scene.model.keys} <= set(hashes)
    sent = "".join(request.model_dump_json() for _, request in scene.door.requests)
    assert not [key for key in scene.keys if key in sent]


async def test_a_slot_is_offered_for_a_next_step_only_where_there_can_be_one():
    scene = Scene()
    steps = (
        llm("first"),
        llm("second", after=["first"]),
        llm("elsewhere", after=["second"]).model_copy(update={"pool": "other"}),
    )
    async with scene.worker():
        run = scene.door.submit(pipeline(*steps), {})
        await until(lambda: run.tasks["second"].state == "done")
    offered = [item.next is not None for c in scene.door.asked("complete") for item in c.items]
    assert offered == [True, False]


async def test_request_ids_never_repeat_even_for_a_pod_that_restarts_under_its_name():
    scene = Scene()
    for _ in range(2):
        async with scene.worker():
            await finished(scene.door.submit(pipeline(llm("a")), {}))
    ids = [r.request_id for verb in ("claim", "complete") for r in scene.door.asked(verb)]
    assert len(ids) == len(set(ids))


async def test_a_pipeline_travels_once():
    scene = Scene()
    async with scene.worker():
        for _ in range(3):
            await finished(scene.door.submit(pipeline(llm("a")), {}))
    claims = scene.door.asked("claim")
    assert claims[0].known_digests == []
    assert claims[-1].known_digests == [pipeline(llm("a")).digest]


WHEN = {
    "true runs it": ("input.big", {"big": True}, "succeeded", "done"),
    "false skips it": ("input.big", {"big": False}, "succeeded", "skipped"),
    "outputs can be asked for": ("size(steps.draft.output) > 3", {}, "succeeded", "done"),
    "a skipped or unknown step is absent": ("has(steps.other)", {}, "succeeded", "skipped"),
    "what is not there is an error": ("input.big", {}, "failed", "dead"),
    "a number is no answer": ("1", {}, "failed", "dead"),
    "what CEL cannot hold is an error": ("input.big", {"big": 10**30}, "failed", "dead"),
}


@pytest.mark.parametrize(("when", "given", "status", "state"), WHEN.values(), ids=WHEN)
async def test_when(when, given, status, state):
    scene = Scene()
    steps = (llm("draft"), llm("maybe", after=["draft"], when=when))
    async with scene.worker():
        run = await finished(scene.door.submit(pipeline(*steps), given))
    assert (run.status, run.tasks["maybe"].state) == (status, state)
    if state == "dead":
        assert run.tasks["maybe"].error.error_class == "InvalidInput"


async def test_dependants_of_a_skipped_step_run_and_do_not_see_it():
    scene = Scene()
    steps = (
        llm("maybe", when="false"),
        llm("last", "{{ steps.maybe is defined }}", after=["maybe"]),
    )
    async with scene.worker():
        run = await finished(scene.door.submit(pipeline(*steps), {}))
    assert run.status == "succeeded"
    assert scene.model.bodies[0]["messages"][0]["content"] == "False"


FAILURES = {
    "the provider's fault is tried again": (ErrorClass.PROVIDER_ERROR, "succeeded", 2),
    "an interruption spends no attempt": (ErrorClass.INTERRUPTED, "succeeded", 1),
    "a limit spends no attempt": (ErrorClass.RATE_LIMITED, "succeeded", 1),
    "a refusal is the end": (ErrorClass.REFUSED, "failed", 1),
}


@pytest.mark.parametrize(("error_class", "status", "attempt"), FAILURES.values(), ids=FAILURES)
async def test_failures(error_class, status, attempt):
    scene = Scene(model=ScriptedModel(StepFailedError(error_class, "no", retry_after=3), "Yes."))
    async with scene.worker():
        run = await finished(scene.door.submit(pipeline(llm("only")), {}))
    task = run.tasks["only"]
    assert (run.status, task.attempt) == (status, attempt)
    assert (task.error.error_class, task.error.message) == (error_class, "no")
    assert task.error.retry_after_seconds == 3


async def test_a_step_that_is_stuck_ends_by_its_timeout():
    scene = Scene()
    scene.model.go.clear()
    async with scene.worker():
        run = scene.door.submit(pipeline(llm("only", timeout_seconds=0.05)), {})
        await finished(run)
    assert run.tasks["only"].error.error_class == "Timeout"
    assert run.tasks["only"].attempt == 2


LOST = ["claim", "complete"]


@pytest.mark.parametrize("verb", LOST)
async def test_a_lost_answer_costs_nothing(verb):
    scene = Scene()
    async with scene.worker():
        await until(lambda: scene.door.asked("claim"))
        scene.door.lost_answers.append(verb)
        run = await finished(scene.door.submit(pipeline(llm("a"), llm("b", after=["a"])), {}))
    assert run.status == "succeeded"
    assert not scene.door.lost_answers
    assert {task.losses for task in run.tasks.values()} == {0}
    assert len(scene.model.bodies) == 2


async def test_a_lost_answer_to_a_failure_spends_no_second_attempt():
    scene = Scene(model=ScriptedModel(StepFailedError(ErrorClass.PROVIDER_ERROR, "no"), "Yes."))
    scene.door.lost_answers.append("fail")
    async with scene.worker():
        run = await finished(scene.door.submit(pipeline(llm("only")), {}))
    assert run.tasks["only"].attempt == 2


async def test_a_gateway_that_is_away_costs_no_step():
    scene = Scene()
    scene.model.go.clear()
    async with scene.worker():
        run = scene.door.submit(pipeline(llm("only")), {})
        await until(lambda: scene.model.bodies)
        scene.door.away = True
        scene.model.go.set()
        await until(lambda: len(scene.door.asked("complete")) >= 2)
        scene.door.away = False
        assert (await finished(run)).status == "succeeded"
    assert run.tasks["only"].fence == 1


async def test_a_refused_claim_is_no_readiness_and_no_end(monkeypatch, caplog):
    monkeypatch.setattr("headrace_worker.claim.REFUSED_SECONDS", 0.01)
    scene = Scene()
    claim, refused = scene.door.claim, []

    async def refuse(request):
        if len(refused) < 3:
            refused.append(request)
            message = "403 Forbidden"
            raise DoorRefusedError(message, status=403)
        return await claim(request)

    scene.door.claim = refuse
    async with scene.worker() as worker:
        await until(lambda: len(refused) == 2)
        assert not worker.vitals.ready
        await until(lambda: worker.vitals.ready)
    assert "The claim was refused." in caplog.messages


async def test_a_long_poll_that_is_cut_short_is_not_asked_again_in_a_rush():
    scene = Scene()

    async def empty(request):
        scene.door.requests.append(("claim", request))
        return type("Empty", (), {"leases": []})()

    scene.door.claim = empty
    async with scene.worker():
        await until(lambda: len(scene.door.asked("claim")) >= 3)
        await asyncio.sleep(0)
        assert len(scene.door.asked("claim")) < 6


async def test_log_lines_name_the_step_and_tell_nothing_of_it(caplog):
    caplog.set_level(logging.DEBUG, "headrace_worker")
    scene = Scene(model=ScriptedModel("A secret answer."))
    async with scene.worker():
        run = await finished(scene.door.submit(pipeline(llm("only", "A secret prompt.")), "secret"))
    completed = next(r for r in caplog.records if r.message == "Step completed.")
    assert (completed.run, completed.step, completed.fence) == (run.id, "only", 1)
    assert "secret" not in "".join(str(record.__dict__) for record in caplog.records)
    assert not [key for key in scene.keys if key in str([r.__dict__ for r in caplog.records])]
