"""What of the mock model can be seen on a real connection only: pace, and answers that are cut."""

from __future__ import annotations

import time

import httpx2
import pytest

from headrace_cli.mock.answer import Pace
from headrace_cli.mock_llm import MockModel, build_mock
from headrace_cli.serving import ServerDidNotStartError, serving

BODY = {"model": "mock-small", "messages": [{"role": "user", "content": "Topic: rivers"}]}


@pytest.fixture
async def http():
    async with (
        serving(build_mock(MockModel(pace=Pace(0, 1e6)))) as url,
        httpx2.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client


async def ask(http, fault, **rest):
    headers = {"x-mock-fault": fault}
    return await http.post("/v1/chat/completions", json={**BODY, **rest}, headers=headers)


async def read_into(got, http, headers):
    body = {**BODY, "stream": True}
    async with http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        assert response.status_code == 200
        async for chunk in response.aiter_bytes():
            got.append(chunk)


async def test_a_cut_stream_breaks_after_so_many_tokens(http):
    got = []
    with pytest.raises(httpx2.RemoteProtocolError):
        await read_into(got, http, {"x-mock-fault": "cut;after=3"})
    got = b"".join(got)
    assert got.count(b"data: ") == 4
    assert b"[DONE]" not in got
    (call,) = (await http.get("/journal")).json()["calls"]
    assert (call["fault"], call["finished"], call["outputTokens"]) == ("cut", False, 3)


async def test_a_cut_answer_that_is_not_streamed_breaks_too(http):
    with pytest.raises(httpx2.RemoteProtocolError):
        await ask(http, "cut")


async def test_a_slow_model_takes_its_time(http):
    began = time.monotonic()
    await ask(http, "slow;latency=0.3")
    assert time.monotonic() - began >= 0.3
    began = time.monotonic()
    await ask(http, "slow;pace=20", max_tokens=10, stream=True)
    assert time.monotonic() - began >= 0.5


async def test_a_port_that_is_taken_is_an_error_at_once(http):
    port = http.base_url.port
    with pytest.raises(OSError, match="in use"):
        async with serving(build_mock(), port=port):
            pass


async def test_an_app_that_does_not_start_is_an_error():
    async def broken(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(ServerDidNotStartError):
        async with serving(broken):
            pass
