"""OpenAI's own package in a Python step: it knows two variables of its environment, and no more."""

from __future__ import annotations

import httpx2
import pytest

from headrace_cli.mock_llm import build_mock
from headrace_cli.serving import serving
from worker_gateway import output_of
from worker_process import named, working
from worker_scenes import python

pytestmark = pytest.mark.postgres


@pytest.fixture
async def mock(served):
    async with serving(build_mock()) as url:
        await served.provide(f"{url}/v1")
        yield url


async def test_whole_and_streamed_answers_come_through_with_their_usage(served, mock):
    compiled = named(
        python("whole", "openai_functions:whole"),
        python("streamed", "openai_functions:streamed", after=["whole"]),
        python("all", "worker_functions:echo", after=["whole", "streamed"]),
    )
    await served.apply(compiled)
    async with working(served, compiled):
        run = await served.finished(await served.submit(compiled, {"topic": "rivers"}), 60)
    assert run.status == "Succeeded", run
    seen = output_of(run)["outputs"]
    assert "rivers" in seen["whole"]["text"].lower()
    assert len(seen["streamed"]["pieces"]) > 1
    tokens = seen["whole"]["tokens"] + seen["streamed"]["tokens"]
    assert tokens == run.input_tokens + run.output_tokens > 0


async def test_a_limit_parks_the_step_whatever_the_package_makes_of_it(served, mock):
    compiled = named(python("whole", "openai_functions:whole"))
    await served.apply(compiled)
    async with (
        working(served, compiled),
        httpx2.AsyncClient(base_url=mock, trust_env=False) as client,
    ):
        await client.post("/faults", json={"kind": "429", "retry-after": 60})
        run = await served.submit(compiled, {"topic": "rivers"})
        step = await served.until_step(run, "whole", "parked")
        calls = (await client.get("/journal")).json()["calls"]
    assert (step.attempt, len(calls)) == (1, 1)
