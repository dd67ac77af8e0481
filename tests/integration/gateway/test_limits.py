"""Too many at once: who is refused is told so in full, and who is served stays served."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2 as httpx
import pytest

from gateway_scene import KEY, listening, scene, until
from headrace_gateway.options import Options


def options(**limits: int) -> Options:
    return Options(event_poll_seconds=0.05, **limits)


def is_busy(answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    said = answer.json()
    assert (said["status"], said["reason"]) == (503, "Unavailable")
    assert words in said["title"]


@asynccontextmanager
async def waiting(door, *names: str):
    """Hold a long poll for each name."""
    polls = [asyncio.ensure_future(door.claim(name, wait=30)) for name in names]
    try:
        gauge = door.app.world.metrics.waiting._value
        await until(lambda: gauge.get() == len(names))
        yield
    finally:
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)


async def test_requests_beyond_the_most_are_refused_until_one_ends(ledger_server):
    async with scene(ledger_server, [], options=options(requests_at_once=2)) as door:
        async with waiting(door, "c-1", "c-2"):
            is_busy(await door.http.get(door.runs), "Too many requests")
            is_busy(await door.submit(), "Too many requests")
        await until(lambda: door.app.world.metrics.waiting._value.get() == 0)
        assert (await door.submit()).status_code == 202


@asynccontextmanager
async def connected(url: str, count: int):
    """Open connections that are kept, each by a client of its own."""
    headers = {"authorization": f"Bearer {KEY}"}
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=headers, trust_env=False)
            )
            for _ in range(count)
        ]


async def test_kept_connections_are_no_requests(ledger_server):
    async with (
        scene(ledger_server, [], options=options(requests_at_once=2)) as door,
        connected(door.url, 6) as clients,
    ):
        for _ in range(2):
            for client in clients:
                assert (await client.get(door.runs)).status_code == 200


async def test_connections_beyond_the_most_are_refused_and_the_others_are_served(ledger_server):
    async with (
        scene(ledger_server, []) as door,
        listening(door.app, most=3) as url,
    ):
        async with connected(url, 3) as clients:
            for client in clients:
                assert (await client.get(door.runs)).status_code == 200
            async with connected(url, 1) as [late]:
                refused = await late.get(door.runs)
                is_busy(refused, "Too many connections")
                assert refused.headers["connection"] == "close"
                is_busy(await late.post(door.runs, json={}), "Too many connections")
            for client in clients:
                assert (await client.post(door.runs, json={})).status_code == 202

        async def again() -> bool:
            async with connected(url, 1) as [client]:
                return (await client.get(door.runs)).status_code == 200

        async with asyncio.timeout(5):
            while not await again():
                pass


async def test_a_gateway_with_many_submits_takes_no_more(ledger_server):
    async with scene(ledger_server, [], options=options(submits_at_once=1)) as door:
        _, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rsplit(":", 1)[1]))
        head = f"POST {door.runs} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        writer.write(f"{head}content-length: 2\r\n\r\n".encode())
        async with asyncio.timeout(5):
            while (answer := await door.submit()).status_code == 202:
                pass
        is_busy(answer, "Too many submits")
        writer.close()
        async with asyncio.timeout(5):
            while (await door.submit()).status_code == 503:
                pass


async def test_a_gateway_with_many_claims_lets_no_more_wait(ledger_server):
    async with (
        scene(ledger_server, [], options=options(claims_at_once=1)) as door,
        waiting(door, "c-1"),
    ):
        is_busy(
            await door.http.post("/v1/work/claim", json=door.wish("c-2", wait=5)),
            "Too many claims",
        )
        assert await door.claim("c-3", wait=0) == []


async def test_a_gateway_with_many_streams_opens_no_more(ledger_server):
    async with scene(ledger_server, [], options=options(listeners_at_once=1)) as door:
        events = f"{door.runs}/{await door.run_id()}/events"
        async with asyncio.timeout(20), door.http.stream("GET", events) as first:
            pieces = first.aiter_bytes()  # kept: without it the stream would be closed
            await anext(pieces)
            is_busy(await door.http.get(events), "Too many streams")
        await until(lambda: door.app.world.metrics.streams._value.get() == 0)
        async with door.http.stream("GET", events) as second:
            assert second.status_code == 200


@pytest.mark.parametrize("beat", [0.05, 0.2])
async def test_a_stream_with_nothing_to_tell_beats(ledger_server, beat):
    many = Options(event_poll_seconds=0.01, event_beat_seconds=beat)
    async with scene(ledger_server, [], options=many) as door:
        events = f"{door.runs}/{await door.run_id()}/events"
        began = asyncio.get_running_loop().time()
        heard = b""
        async with asyncio.timeout(10), door.http.stream("GET", events) as stream:
            async for piece in stream.aiter_bytes():
                heard += piece
                if heard.count(b": alive\n\n") == 3:
                    break
        assert asyncio.get_running_loop().time() - began >= 3 * beat
