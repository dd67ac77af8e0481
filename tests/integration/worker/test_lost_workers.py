"""Workers that are lost, refused, cancelled or limited, against the real gateway and ledger."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from uuid import uuid4

import pytest
from pydantic import SecretStr

from headrace_contract.failures import ErrorClass
from headrace_contract.protocol import ClaimRequest, Slot
from headrace_worker.connect import connect
from headrace_worker.errors import StepFailedError
from headrace_worker.steps.chat import Ask
from worker_gateway import KEY, output_of
from worker_process import THREE, Process, asked, named, working
from worker_scenes import llm, until
from worker_server import Hang, Reply, streamed

pytestmark = pytest.mark.postgres


async def test_a_worker_that_is_ready_says_so(served, tmp_path):
    compiled = named(*THREE)
    await served.apply(compiled)
    with Process(served, compiled, tmp_path / "one.log") as worker:
        await until(worker.ready, 20)
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0


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


async def test_a_prompt_that_is_too_large_fails_with_its_size_and_no_model_is_asked(served, model):
    compiled = named(llm("only", "{% for _ in range(25) %}{{ input.text }}{% endfor %}"))
    await served.apply(compiled)
    await served.provide(f"{model.url}/v1")
    async with working(served, compiled):
        run = await served.submit(compiled, {"text": "x" * 200_000})
        record = await served.finished(run)
    assert (record.status, record.error_class) == ("Failed", "BadRequest")
    assert "4194304 at most" in record.message
    assert (record.steps[0].losses, model.requests) == (0, [])


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
