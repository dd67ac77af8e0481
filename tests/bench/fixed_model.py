"""
A provider that costs next to nothing: `fixed_model.py <port>`.

Every answer begins a fixed time after its request; a stream has eight frames, a millisecond apart,
its usage and its end. It keeps connections, and says nothing else.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Final

import uvloop

FIRST_SECONDS: Final = 0.005
NEXT_SECONDS: Final = 0.001
WORDS: Final = 8
USAGE: Final = {"prompt_tokens": 10, "completion_tokens": WORDS, "total_tokens": 10 + WORDS}
HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: "


def frame(**more: Any) -> bytes:
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}
    data = b"data: " + json.dumps(body).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def choice(content: str | None, finish: str | None) -> list[dict[str, Any]]:
    delta = {} if content is None else {"content": content}
    return [{"index": 0, "delta": delta, "finish_reason": finish}]


BEGIN: Final = HEAD + b"text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FRAMES: Final = [frame(choices=choice("word ", None)) for _ in range(WORDS)]
END: Final = b"".join(
    (
        frame(choices=choice(None, "stop")),
        frame(choices=[], usage=USAGE),
        b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
    )
)
MESSAGE: Final = {"role": "assistant", "content": "word " * WORDS}
WHOLE: Final = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()
ANSWER: Final = HEAD + b"application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(WHOLE), WHOLE)


class Provider(asyncio.Protocol):
    """One connection: one request at a time, since nobody sends the next before the answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._loop = asyncio.get_running_loop()
        self._got = b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        size = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < size:
            return
        self._got = b""
        pieces = [ANSWER]
        if json.loads(body).get("stream"):
            pieces = [BEGIN + FRAMES[0], *FRAMES[1:], END]
        for number, piece in enumerate(pieces):
            at = FIRST_SECONDS + number * NEXT_SECONDS
            self._loop.call_later(at, self._transport.write, piece)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
