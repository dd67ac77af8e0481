"""Server-sent events at a model's pace, and answers that end too early."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, Self

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from headrace_cli.mock.answer import Pace

_FINEST: Final = 0.002  # seconds: below this, tokens leave together instead of one by one


async def frames(
    chunks: Iterator[Mapping[str, Any]], pace: Pace, cut: int | None
) -> AsyncIterator[tuple[int, bytes]]:
    """Yield each chunk when it is due, with the number of tokens said so far."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for nth, chunk in enumerate(chunks):
        if cut is not None and nth > cut:
            return
        wait = start + pace.due(nth) - loop.time()
        if wait > _FINEST:
            await asyncio.sleep(wait)
        yield nth, b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"
    yield nth, b"data: [DONE]\n\n"


class CutResponse(StreamingResponse):
    """A response that never says its last word: the server then drops the connection."""

    @classmethod
    def of(cls, whole: Mapping[str, Any]) -> Self:
        """Promise a whole body, and send half of it."""
        body = json.dumps(whole).encode()

        async def half() -> AsyncIterator[bytes]:
            yield body[: len(body) // 2]

        return cls(
            half(), media_type="application/json", headers={"content-length": str(len(body))}
        )

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        async for chunk in self.body_iterator:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
