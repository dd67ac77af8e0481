"""The worker against the real gateway over a real ledger."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from pydantic import SecretStr

from headrace_contract.failures import ErrorClass
from headrace_contract.protocol import ClaimRequest, Slot
from headrace_worker.connect import connect
from headrace_worker.consume import Worker
from headrace_worker.errors import StepFailedError
from headrace_worker.profile import Profile
from headrace_worker.steps.chat import Ask
from worker_gateway import KEY, free_port, output_of
from worker_scenes import http, llm, pipeline, python, until
from worker_server import Hang, Reply, streamed

pytestmark = pytest.mark.postgres

SUPPORT = Path(sys.modules["worker_scenes"].__file__ or "").parent
ENVIRON = {**os.environ, "PYTHONPATH": str(SUPPORT)}


def named(*steps, **more):
    """Make a pipeline that no other test has."""
    return pipeline(*steps, name=f"essay-{uuid4().hex[:8]}", uid=str(uuid4()), **more)


@contextlib.asynccontextmanager
async def working(served, compiled, **changes):
    profile = Profile(
        namespace=compiled.namespace,
        pipeline=compiled.name,
        pool="main",
        worker=f"worker-{uuid4().hex[:8]}",
        poll_seconds=5,
        allow_loopback=True,
    )
    world = connect(served.url, lambda: KEY, ENVIRON)
    worker = Worker(replace(profile, **changes), world)
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.drain()
        await asyncio.wait_for(running, 20)
        await world.close()


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


class Process:
    """A worker as a pod runs it."""

    def __init__(self, served, compiled, log, **changes):
        self.health = free_port()
        environ = {
            **ENVIRON,
            "HEADRACE_GATEWAY_URL": served.url,
            "HEADRACE_NAMESPACE": compiled.namespace,
            "HEADRACE_PIPELINE": compiled.name,
            "HEADRACE_POOL": "main",
            "HEADRACE_POD_NAME": f"pod-{uuid4().hex[:8]}",
            "HEADRACE_TOKEN_FILE": str(log.with_suffix(".token")),
            "HEADRACE_HEALTH_PORT": str(self.health),
            "HEADRACE_DRAIN_SECONDS": "1",
            **changes,
        }
        log.with_suffix(".token").write_text(f"{KEY}\n")
        self.log = log
        self._stderr = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "headrace_worker"], env=environ, stderr=self._stderr
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._stderr.close()

    async def ended(self, patience=15):
        return await asyncio.to_thread(self.process.wait, patience)


async def asked(model, times, patience=20):
    await until(lambda: len(model.requests) >= times, patience)


THREE = (
    llm("first", "One."),
    llm("second", "After {{ steps.first.output }}", after=["first"]),
    llm("third", "After {{ steps.second.output }}", after=["second"]),
)


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


async def test_a_worker_that_is_ready_says_so(served, tmp_path):
    compiled = named(*THREE)
    await served.apply(compiled)
    with Process(served, compiled, tmp_path / "one.log") as worker:
        async with httpx2.AsyncClient() as client:
            await until(lambda: ready(client, worker.health), 20)
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0


async def ready(client, port):
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
    except httpx2.ConnectError:
        return False


async def test_a_worker_of_a_pool_that_is_not_there_keeps_asking(served, tmp_path):
    with Process(served, named(*THREE), tmp_path / "one.log") as worker:
        await until(lambda: "The claim was refused." in worker.log.read_text(), 20)
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0


async def test_bad_settings_end_with_a_sentence(tmp_path):
    environ = {"PATH": os.environ["PATH"]}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "headrace_worker"],
        env=environ,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"] == "HEADRACE_NAMESPACE must be set."


async def test_a_cancelled_run_stops_its_step(served, model):
    model.reply("/v1/chat/completions", Hang())
    compiled = named(llm("only"))
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    async with working(served, compiled, heartbeat_seconds=0.2):
        run = await served.submit(compiled, {})
        await asked(model, 1)
        await served.gateway.cancel("acme", run)
        record = await served.finished(run)
    model.let_go()
    assert record.status == "Cancelled"


async def test_a_providers_limit_parks_the_step_and_spends_no_attempt(served, model):
    model.reply("/v1/chat/completions", Reply(b"{}", 429, {"retry-after": "20"}))
    compiled = named(llm("only"))
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    async with working(served, compiled):
        run = await served.submit(compiled, {})
        step = await served.until_step(run, "only", "parked")
    assert step.attempt == 1


async def test_a_failure_is_retried_and_then_fails_the_run_with_its_class(served, model):
    model.reply("/v1/chat/completions", Reply(b"{}", 500, {}))
    compiled = named(llm("only"))
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    async with working(served, compiled):
        record = await served.finished(await served.submit(compiled, {}))
    assert (record.status, record.error_class) == ("Failed", "ProviderError")
    assert [step.attempt for step in record.steps] == [2]


async def test_a_zombie_learns_that_its_step_is_lost_and_hands_nothing_in(served, model, tmp_path):
    model.reply("/v1/chat/completions", Hang(), streamed("Mine."))
    compiled = named(llm("only"))
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    run = await served.submit(compiled, {})
    with Process(served, compiled, tmp_path / "one.log") as zombie:
        await asked(model, 1)
        zombie.process.send_signal(signal.SIGSTOP)
        await served.expire(run)
        with Process(served, compiled, tmp_path / "two.log"):
            record = await served.finished(run)
        zombie.process.send_signal(signal.SIGCONT)
        told = await until(lambda: last_words(zombie.log), 30)
    # Either the beat tells it, or the gateway cut its model call and refused the failure.
    assert told in [{"why": "Lost"}, {"outcome": "Stale"}]
    assert len(model.requests) == 2
    assert (output_of(record), record.steps[0].losses) == ("Mine.", 1)


def last_words(log):
    """Return what became of the step, by the log of its worker."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    words = {"Step stopped.", "Step failed.", "Step completed."}
    said = [line for line in lines if line["message"] in words]
    return {name: said[-1][name] for name in ("why", "outcome") if name in said[-1]} if said else {}


async def test_the_key_of_a_lost_lease_opens_no_model(served, model):
    model.reply("/v1/chat/completions", streamed("Mine."))
    compiled = named(llm("only"))
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    world = connect(served.url, lambda: KEY, {})
    old, new = SecretStr(world.new_key()), SecretStr(world.new_key())
    run = await served.submit(compiled, {})
    for key in (old, new):
        request = ClaimRequest(
            request_id=uuid4().hex,
            worker="w",
            namespace=compiled.namespace,
            pipeline=compiled.name,
            pool="main",
            step_types=["LLM"],
            slots=[Slot(key_hash=hashlib.sha256(key.get_secret_value().encode()).hexdigest())],
            wait_seconds=20,
        )
        (lease,) = (await world.door.claim(request)).leases
        if key is old:
            await served.expire(run)
    body = Ask(model="small", messages=({"role": "user", "content": "Hm?"},), max_tokens=9).body()
    with pytest.raises(StepFailedError) as caught:
        await anext(world.models.chat(old, body, traceparent=lease.traceparent))
    assert caught.value.error_class in {ErrorClass.WORKER_LOST, ErrorClass.INTERRUPTED}
    chunks = [c async for c in world.models.chat(new, body, traceparent=lease.traceparent)]
    await world.close()
    assert chunks[0]["choices"][0]["delta"]["content"] == "Mine."
    assert len(model.requests) == 1
