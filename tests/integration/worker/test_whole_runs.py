"""The worker against the real gateway over a real ledger."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from worker_gateway import output_of
from worker_process import THREE, Process, asked, named, working
from worker_scenes import http, llm, python
from worker_server import Hang, Reply, streamed

pytestmark = pytest.mark.postgres


async def test_a_run_of_every_step_type(served, model):
    model.reply("/v1/chat/completions", streamed("Rivers ", "flow."))
    model.reply("/facts", Reply(b'{"rivers": 165}'))
    compiled = named(
        llm("draft", "On {{ input.topic }}."),
        http("facts", model.url + "/facts"),
        llm("never", when="input.topic == 'lakes'", after=["draft"]),
        python("mill", "worker_functions:echo", after=["draft", "facts", "never"]),
    )
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    async with working(served, compiled):
        run = await served.finished(await served.submit(compiled, {"topic": "rivers"}))
    assert run.status == "Succeeded", run
    mill = output_of(run)
    assert mill["outputs"]["draft"] == "Rivers flow."
    assert mill["outputs"]["facts"]["body"] == {"rivers": 165}
    assert set(mill["outputs"]) == {"draft", "facts"}
    assert {step.step: step.state for step in run.steps}["never"] == "skipped"


async def test_kill_9_in_step_two_of_three_goes_on_at_step_two(served, model, tmp_path):
    model.reply("/v1/chat/completions", streamed("First."), Hang(), streamed("Rest."))
    compiled = named(*THREE)
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    run = await served.submit(compiled, {})
    with Process(served, compiled, tmp_path / "one.log") as victim:
        await asked(model, 2)
        victim.process.kill()
        await victim.ended()
    model.let_go()
    await served.expire(run)
    with Process(served, compiled, tmp_path / "two.log"):
        record = await served.finished(run, 60)
    assert record.status == "Succeeded"
    assert output_of(record) == "Rest."
    assert [(s.step, s.attempt, s.losses) for s in record.steps] == [
        ("first", 1, 0),
        ("second", 1, 1),
        ("third", 1, 0),
    ]
    prompts = [json.loads(request.body)["messages"][0]["content"] for request in model.requests]
    assert prompts == ["One.", "After First.", "After First.", "After Rest."]


async def test_sigterm_hands_the_step_back_and_another_goes_on_at_once(served, model, tmp_path):
    model.reply("/v1/chat/completions", streamed("First."), Hang(), streamed("Rest."))
    compiled = named(*THREE)
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    run = await served.submit(compiled, {})
    loop = asyncio.get_running_loop()
    with Process(served, compiled, tmp_path / "one.log") as leaving:
        await asked(model, 2)
        begun = loop.time()
        leaving.process.send_signal(signal.SIGTERM)
        assert await leaving.ended() == 0
        assert loop.time() - begun < 1 + 2 + 1  # drain, hand-back, the interpreter's end
        assert (await served.step(run, "second")).state == "ready"
    model.let_go()
    with Process(served, compiled, tmp_path / "two.log"):
        record = await served.finished(run)
    assert record.status == "Succeeded"
    assert [(s.attempt, s.losses) for s in record.steps] == [(1, 0)] * 3
    lines = [json.loads(line) for line in leaving.log.read_text().splitlines()]
    assert [line["outcome"] for line in lines if line["message"] == "Step handed back."] == [
        "Released"
    ]
