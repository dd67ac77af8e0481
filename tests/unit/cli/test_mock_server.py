"""The mock's endpoint, through an ASGI transport: no socket, no wait."""

from __future__ import annotations

import json

import httpx2
import pytest

from headrace_cli.mock.answer import Pace
from headrace_cli.mock.rates import Rates
from headrace_cli.mock_llm import MockModel, build_mock

CHAT = "/v1/chat/completions"


def body(prompt="Topic: rivers", **rest):
    return {"model": "mock-small", "messages": [{"role": "user", "content": prompt}], **rest}


@pytest.fixture
def model():
    return MockModel(pace=Pace(0, 1e9), clock=lambda: 1000.0)


@pytest.fixture
async def http(model):
    transport = httpx2.ASGITransport(build_mock(model))
    async with httpx2.AsyncClient(transport=transport, base_url="http://mock") as client:
        yield client


def events(response):
    lines = response.text.split("\n\n")
    return [line.removeprefix("data: ") for line in lines if line]


async def test_an_answer_has_the_shape_that_clients_expect(http):
    answer = (await http.post(CHAT, json=body())).json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["usage"]["total_tokens"] > answer["usage"]["prompt_tokens"] > 0


async def test_a_stream_ends_with_usage_and_done(http):
    asked = body(stream=True, stream_options={"include_usage": True})
    *chunks, done = events(await http.post(CHAT, json=asked))
    assert done == "[DONE]"
    assert json.loads(chunks[-1])["usage"]["completion_tokens"] == len(chunks) - 3
    assert json.loads(chunks[-2])["choices"][0]["finish_reason"] == "stop"


async def test_429_names_the_time_to_come_back(http):
    answer = await http.post(CHAT, json=body() | {"model": "mock-small!429;retry-after=2"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert answer.json()["error"]["type"] == "rate_limit_error"


async def test_requests_that_are_left_are_said_and_too_many_refused(model, http):
    model.rates = Rates(2)
    said = [await http.post(CHAT, json=body(stream=stream)) for stream in (False, True, False)]
    assert [one.status_code for one in said] == [200, 200, 429]
    left = [one.headers["x-ratelimit-remaining-requests"] for one in said]
    assert (left, said[0].headers["x-ratelimit-reset-requests"]) == (["1", "0", "0"], "60000ms")
    other = await http.post(CHAT, json=body() | {"model": "mock-large"})
    assert other.headers["x-ratelimit-remaining-requests"] == "1"
    model.clock = lambda: 1060.0
    assert (await http.post(CHAT, json=body())).status_code == 200


async def test_a_header_asks_for_a_fault_too(http):
    answer = await http.post(CHAT, json=body(), headers={"x-mock-fault": "500"})
    assert answer.status_code == 500


async def test_garbage_is_no_json(http):
    answer = await http.post(CHAT, json=body(), headers={"x-mock-fault": "garbage"})
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_faults_are_posted_listed_and_forgotten(http):
    posted = await http.post("/faults", json={"kind": "503", "nth": [1]})
    assert posted.json()["faults"][0]["kind"] == "503"
    assert (await http.post(CHAT, json=body())).status_code == 503
    assert (await http.post(CHAT, json=body())).status_code == 200
    assert (await http.delete("/faults")).json() == {"faults": []}


@pytest.mark.parametrize("wrong", [{"kind": "sulk"}, {"kinds": "429"}, [], "429"])
async def test_a_fault_nobody_understands_is_a_400(http, wrong):
    assert (await http.post("/faults", json=wrong)).status_code == 400


@pytest.mark.parametrize("wrong", [{}, [], {"model": "m"}, {"model": "m", "messages": ["hi"]}])
async def test_a_request_nobody_understands_is_a_400(http, wrong):
    assert (await http.post(CHAT, json=wrong)).status_code == 400


async def test_the_journal_counts_calls_and_keeps_what_tests_ask_for(http):
    headers = {"idempotency-key": "k-1", "traceparent": "00-1-2-01"}
    await http.post(CHAT, json=body(), headers=headers)
    await http.post(CHAT, json=body(stream=True), headers={"x-mock-fault": "429"})
    told = (await http.get("/journal")).json()
    assert told["count"] == 2
    first, second = told["calls"]
    assert (first["idempotencyKey"], first["traceparent"]) == ("k-1", "00-1-2-01")
    assert (first["status"], first["finished"], first["fault"]) == (200, True, None)
    assert (second["status"], second["fault"], second["stream"]) == (429, "429", True)
    assert first["id"] != second["id"]
    assert (await http.delete("/journal")).json() == {"count": 0, "calls": []}


async def test_the_journal_is_bounded_but_the_count_is_not(model, http):
    most = model.journal.calls.maxlen
    call = body(prompt="x" * 10_000)
    await http.post(CHAT, json=call)
    model.journal.calls.extend([model.journal.calls[0]] * most)
    model.journal.count = most + 1
    told = (await http.get("/journal")).json()
    assert (told["count"], len(told["calls"])) == (most + 1, most)
    assert len(told["calls"][0]["prompt"]) == 200


async def test_a_key_that_is_asked_for_must_be_right(http, model):
    model.api_key = "sk-right"
    assert (await http.post(CHAT, json=body())).status_code == 401
    right = {"authorization": "Bearer sk-right"}
    assert (await http.post(CHAT, json=body(), headers=right)).status_code == 200
    assert "sk-right" not in repr(model)


async def test_models_and_sources_are_there(http):
    names = [each["id"] for each in (await http.get("/v1/models")).json()["data"]]
    assert names == ["mock-small", "mock-large"]
    reading = (await http.get("/sources", params={"topic": "rivers"})).json()
    assert reading["topic"] == "rivers"
    assert len(reading["sources"]) == 3
