"""A scripted OpenAI-compatible provider that keeps a journal of what it was asked."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}


def whole(text: str = "Hello.") -> dict[str, Any]:
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    delta = {} if content is None else {"content": content}
    body = {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "tiny",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


USAGE_CHUNK = chunk(choices=[], usage=USAGE)
DONE = b"data: [DONE]\n\n"
FRAMES = [chunk("Hel"), chunk("lo."), chunk(None, "stop"), USAGE_CHUNK, DONE]


@dataclass
class Say:
    """One answer: status, headers, and pieces; a number among the pieces is a pause in seconds."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes | float] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """When set, the answer waits here after its first piece."""
    cut: bool = False
    """When true, the connection breaks instead of ending."""


def refuse(status: int, code: str = "", **headers: str) -> Say:
    body = json.dumps({"error": {"message": "No.", "code": code}}).encode()
    return Say(status, {k.replace("_", "-"): v for k, v in headers.items()}, [body])


def text(content: str = "Hello.") -> Say:
    return Say(pieces=[json.dumps(whole(content)).encode()])


def stream(*frames: bytes | float, **more: Any) -> Say:
    return Say(pieces=list(frames or FRAMES), headers={"content-type": "text/event-stream"}, **more)


class Provider:
    """Plays its script in order, the last answer again and again."""

    def __init__(self, *script: Say) -> None:
        self.script = list(script)
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.closed = asyncio.Event()
        """Set when a caller went before its answer had ended."""
        self.began = asyncio.Event()

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.asked.append(json.loads(body))
        self.headers.append({k.decode(): v.decode() for k, v in scope["headers"]})
        say = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.began.set()
        await self._play(say, receive, send)

    async def _play(self, say: Say, receive: Any, send: Any) -> None:
        headers = [(k.encode(), v.encode()) for k, v in say.headers.items()]
        await send({"type": "http.response.start", "status": say.status, "headers": headers})
        gone = asyncio.ensure_future(receive())
        try:
            for number, piece in enumerate(say.pieces):
                if isinstance(piece, (int, float)):
                    await asyncio.wait({gone}, timeout=piece)
                else:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                if number == 0 and say.hold is not None:
                    held = asyncio.ensure_future(say.hold.wait())
                    await asyncio.wait({gone, held}, return_when=asyncio.FIRST_COMPLETED)
                    held.cancel()
                if gone.done():
                    self.closed.set()
                    return
        finally:
            gone.cancel()
        if say.cut:
            raise ConnectionResetError
        await send({"type": "http.response.body", "body": b"", "more_body": False})
