"""The model endpoint against a provider that plays a script."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from gateway_calling import calling
from gateway_provider import DONE, FRAMES, Say, chunk, refuse, stream, text
from gateway_scene import scene


async def test_a_whole_answer_passes_through_with_its_cost(ledger_server):
    async with calling(ledger_server, text("Rivers.")) as (door, provider, key):
        answer = await door.chat(key)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"] == "Rivers."
        assert answer.headers["x-headrace-cost"] == "0.000044"
        assert answer.headers["x-headrace-currency"] == "USD"
        assert answer.headers["x-headrace-model"] == "tiny"
        assert answer.headers["x-headrace-replayed"] == "false"
        assert provider.asked[0]["model"] == "tiny"
        run = await door.run(door.lease["run"])
        assert run["usage"] == {
            "inputTokens": 10,
            "outputTokens": 4,
            "cost": "0.000044",
            "currency": "USD",
        }


async def test_a_stream_passes_through_without_the_usage_that_nobody_asked_for(ledger_server):
    async with calling(ledger_server, stream()) as (door, provider, key):
        answer = await door.chat(key, stream=True)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.content == b"".join([*FRAMES[:3], DONE])
        assert provider.asked[0]["stream_options"] == {"include_usage": True}
        run = await door.run(door.lease["run"])
        assert run["usage"]["outputTokens"] == 4


async def test_a_stream_ends_with_usage_and_cost_when_asked(ledger_server):
    async with calling(ledger_server, stream()) as (door, _, key):
        answer = await door.chat(key, stream=True, stream_options={"include_usage": True})
        frames = answer.content.split(b"\n\n")
        last = json.loads(frames[-3].removeprefix(b"data: "))
        assert last["usage"]["completion_tokens"] == 4
        assert last["headrace"] == {"cost": "0.000044", "currency": "USD"}


async def test_frames_leave_before_the_answer_ends(ledger_server):
    hold = asyncio.Event()
    async with calling(ledger_server, stream(hold=hold)) as (door, _, key):
        body = {"model": "small", "messages": [], "stream": True}
        headers = {"authorization": f"Bearer {key}"}
        async with door.http.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as answer:
            pieces = answer.aiter_raw()
            assert FRAMES[0] in await anext(pieces)
            hold.set()
            rest = b"".join([piece async for piece in pieces])
            assert rest.endswith(DONE)


async def test_the_class_falls_back_when_the_provider_is_at_fault(ledger_server):
    async with calling(ledger_server, refuse(500), fallback=[text("Second.")]) as (door, _, key):
        answer = await door.chat(key)
        assert answer.json()["choices"][0]["message"]["content"] == "Second."
        assert answer.headers["x-headrace-model"] == "tiny-two"


async def test_a_bad_request_is_nobodys_fault_but_the_callers(ledger_server):
    script = refuse(400, "context_length_exceeded")
    async with calling(ledger_server, script, fallback=[text()]) as (door, _, key):
        answer = await door.chat(key)
        assert answer.status_code == 400
        assert answer.headers["x-headrace-error-class"] == "BadRequest"
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json()["error"]["code"] == "BadRequest"
        assert door.fallback.asked == []


async def test_a_short_limit_is_waited_out_at_the_door(ledger_server):
    script = [refuse(429, retry_after_ms="100"), text("Now.")]
    async with calling(ledger_server, *script) as (door, provider, key):
        answer = await door.chat(key)
        assert answer.status_code == 200
        assert len(provider.asked) == 2


async def test_a_long_limit_parks_the_step_whatever_it_does_then(ledger_server):
    async with calling(ledger_server, refuse(429, retry_after="120")) as (door, provider, key):
        answer = await door.chat(key)
        assert answer.status_code == 429
        assert answer.headers["x-should-retry"] == "false"
        assert 120 <= int(answer.headers["retry-after"]) <= 130
        said = answer.json()
        assert (said["reason"], "resumesAt" in said) == ("RateLimited", True)
        again = await door.chat(key)
        assert again.status_code == 429
        assert len(provider.asked) == 1, "after the mark nobody asks the provider again"
        done = await door.complete(door.lease, "done all the same", "d-1")
        assert done["outcome"] == "Parked", done


async def test_a_step_that_runs_again_gets_the_same_answers_unpaid(ledger_server):
    async with calling(ledger_server, text("First."), stream()) as (door, provider, key):
        first = await door.chat(key)
        await door.chat(key, stream=True, temperature=0)
        release = {"task": door.lease["task"], "fence": door.lease["fence"]}
        body = {"requestId": "r-1", "worker": "worker-1", "items": [release]}
        answer = await door.http.post("/v1/work/release", json=body)
        assert answer.json()["items"][0]["outcome"] == "Released"
        (lease,) = await door.claim("m-2", wait=5)
        assert lease["task"] == door.lease["task"]
        renewed = door.key("m-2")
        again = await door.chat(renewed)
        assert again.content == first.content
        assert again.headers["x-headrace-replayed"] == "true"
        assert again.headers["x-headrace-cost"] == "0"
        crossed = await door.chat(renewed, temperature=0)
        assert crossed.json()["choices"][0]["message"]["content"] == "Hello."
        streamed = await door.chat(renewed, stream=True)
        assert streamed.headers["x-headrace-replayed"] == "false", "the second equal call is new"
        assert len(provider.asked) == 3


async def test_a_stale_key_is_refused(ledger_server):
    async with calling(ledger_server, text()) as (door, provider, key):
        await door.complete(door.lease, "done", "d-1")
        answer = await door.chat(key)
        assert answer.status_code == 410
        assert answer.headers["x-should-retry"] == "false"
        assert provider.asked == []


@pytest.mark.parametrize("key", ["short", "x" * 64, "dev-key"])
async def test_what_is_no_key_of_a_step_is_nobody(ledger_server, key):
    async with calling(ledger_server, text()) as (door, _, _key):
        assert (await door.chat(key)).status_code == 401


async def test_an_unknown_model_is_named_with_those_that_are_known(ledger_server):
    async with calling(ledger_server, text()) as (door, _, key):
        answer = await door.chat(key, model="huge")
        assert answer.status_code == 404
        assert "'small'" in answer.json()["title"]


async def test_a_providers_own_name_of_a_target_is_known_too(ledger_server):
    async with calling(ledger_server, text()) as (door, _, key):
        assert (await door.chat(key, model="tiny")).status_code == 200


@asynccontextmanager
async def open_stream(door, key):
    body = {"model": "small", "messages": [], "stream": True}
    headers = {"authorization": f"Bearer {key}"}
    async with door.http.stream(
        "POST", "/v1/chat/completions", json=body, headers=headers
    ) as answer:
        yield answer, answer.aiter_raw()


async def test_a_cancel_stops_the_running_stream_and_its_provider(ledger_server):
    async with calling(ledger_server, stream(hold=asyncio.Event())) as (door, provider, key):
        async with open_stream(door, key) as (_, pieces):
            await anext(pieces)
            answer = await door.http.post(f"{door.runs}/{door.lease['run']}/cancel")
            assert (answer.status_code, answer.json()["status"]) == (202, "Cancelled")
            rest = b"".join([piece async for piece in pieces])
        assert b'"code":"Cancelled"' in rest
        assert DONE not in rest
        async with asyncio.timeout(5):
            await provider.closed.wait()


async def test_a_caller_who_goes_ends_the_providers_call(ledger_server):
    async with calling(ledger_server, stream(hold=asyncio.Event())) as (door, provider, key):
        async with open_stream(door, key) as (_, pieces):
            await anext(pieces)
        async with asyncio.timeout(5):
            await provider.closed.wait()
        assert len(door.app.world.calls) == 0


async def test_a_whole_call_ends_when_its_caller_goes(ledger_server):
    slow = Say(pieces=[b"{", 30.0, b"}"])
    async with calling(ledger_server, slow) as (door, provider, key):
        asking = asyncio.ensure_future(door.chat(key))
        async with asyncio.timeout(5):
            await provider.began.wait()
        asking.cancel()
        async with asyncio.timeout(5):
            await provider.closed.wait()


async def test_a_stream_is_cut_when_the_fence_moves_at_another_gateway(ledger_server):
    async with calling(ledger_server, stream(hold=asyncio.Event())) as (door, provider, key):
        async with open_stream(door, key) as (_, pieces):
            await anext(pieces)
            # As another gateway would: nothing in this process hears of it.
            task = door.lease["task"]
            body = {"requestId": "r", "worker": "w", "items": [{"task": task, "fence": 1}]}
            async with scene(ledger_server, [], names=door.names) as other:
                await other.http.post("/v1/work/release", json=body)
            async with asyncio.timeout(5):
                rest = b"".join([piece async for piece in pieces])
                await provider.closed.wait()
        assert b'"code":"WorkerLost"' in rest


async def test_a_broken_stream_ends_with_its_reason_and_is_not_recorded(ledger_server):
    broken = stream(chunk("Hel"), cut=True)
    async with calling(ledger_server, broken, stream()) as (door, _, key):
        answer = await door.chat(key, stream=True)
        assert b'"code":"ProviderError"' in answer.content
        assert DONE not in answer.content
        again = await door.chat(key, stream=True)
        assert again.content.endswith(DONE)


async def test_a_provider_who_is_not_there_is_the_providers_fault(ledger_server):
    async with scene(ledger_server, ["http://127.0.0.1:1"]) as door:
        await door.run_id()
        await door.claim("m-1")
        answer = await door.chat(door.key("m-1"))
        assert answer.status_code == 502
        assert answer.headers["x-headrace-error-class"] == "ProviderError"


async def test_a_slow_provider_is_a_timeout(ledger_server):
    spec = {"timeouts": {"connect": "1s", "firstByte": "1s", "total": "1s"}}
    slow = Say(pieces=[b"", 30.0, b"{}"])
    async with calling(ledger_server, slow, spec=spec) as (door, _, key):
        answer = await door.chat(key)
        assert answer.status_code == 504
        assert answer.headers["x-headrace-error-class"] == "Timeout"


async def test_a_provider_that_does_not_serve_the_tenant_is_not_asked(ledger_server):
    spec = {"allowedTenants": ["somebody-else"]}
    async with calling(ledger_server, text(), spec=spec) as (door, provider, key):
        answer = await door.chat(key)
        assert answer.status_code == 502
        assert provider.asked == []
