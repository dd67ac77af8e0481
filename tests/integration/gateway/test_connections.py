"""Byte by byte: bodies and headers that are too large, too slow, or never end."""

from __future__ import annotations

import asyncio

import pytest

from gateway_scene import scene

MEGABYTE = 1024 * 1024


@pytest.fixture
async def door(ledger_server):
    async with scene(ledger_server, []) as made:
        yield made


async def sent(door, *parts: bytes, most: int) -> bytes:
    """Write the parts, the last one again and again, until cut or answered; return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rsplit(":", 1)[1]))
    try:
        async with asyncio.timeout(20):
            for number in range(most):
                writer.write(parts[min(number, len(parts) - 1)])
                await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("key", ["dev-key", "wrong"])
async def test_an_endless_body_is_refused_while_it_comes(door, key):
    head = f"POST {door.runs} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    head += "transfer-encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b"a" * MEGABYTE + b"\r\n"
    assert await sent(door, head.encode(), chunk, most=200) == b"", "cut, or it would go on"


LARGE = {
    "a little more than is read": (MEGABYTE + 10_000, "dev-key", 413),
    "much more than is read": (6 * MEGABYTE, "dev-key", 413),
    "twenty times what is read": (20 * MEGABYTE, "dev-key", 413),
    "from nobody that we know": (6 * MEGABYTE, "wrong", 401),
}


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
@pytest.mark.parametrize(("size", "key", "status"), LARGE.values(), ids=LARGE)
async def test_the_answer_to_a_large_body_is_read_by_who_sends_it_first(
    door, size, key, status, declared
):
    head = f"POST {door.runs} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    head += "connection: close\r\n"
    if declared:
        answer = await sent(
            door, f"{head}content-length: {size}\r\n\r\n".encode(), b"a" * size, most=2
        )
    else:
        chunk = b"%x\r\n" % size + b"a" * size + b"\r\n0\r\n\r\n"
        answer = await sent(
            door, f"{head}transfer-encoding: chunked\r\n\r\n".encode(), chunk, most=2
        )
    assert answer.split(b" ")[1] == str(status).encode()
    assert answer.endswith(b"}")


async def test_a_large_question_to_a_model_is_answered_too(door):
    await door.run_id()
    await door.claim("c-1")
    answer = await door.chat(door.key("c-1"), user="a" * (5 * MEGABYTE))
    assert (answer.status_code, answer.json()["reason"]) == (413, "TooLarge")


async def test_who_is_told_not_to_send_the_body_is_not_waited_for(door):
    head = f"POST {door.runs} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev-key\r\n"
    head += f"content-length: {2 * MEGABYTE}\r\nexpect: 100-continue\r\n\r\n"
    answer = await sent(door, head.encode(), most=1)
    assert answer.split(b" ")[1] == b"413"


async def test_endless_headers_are_cut(door):
    parts = [b"GET / HTTP/1.1\r\nhost: x\r\n", b"x-more: " + b"a" * 8000 + b"\r\n"]
    assert await sent(door, *parts, most=400) == b""


async def test_headers_that_do_not_come_are_waited_for_a_moment(door):
    assert await sent(door, b"GET / HTTP/1.1\r\n", most=1) == b""
