"""
The mock model as a process that journals every call: `chaos_model.py <port> <journal>`.

A line per call and per end: its idempotency key, when it came, and when its last byte went out. An
end is stamped before the bytes leave, so whoever has read the answer has read it later.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from headrace_cli.mock.answer import Pace
from headrace_cli.mock_llm import MockModel, build_mock

if TYPE_CHECKING:
    from collections.abc import Callable

LATENCY = 0.12
TOKENS_PER_SECOND = 300.0


class Journalled:
    """ASGI around the mock; the lines outlive whatever happens to this process."""

    def __init__(self, app: Any, write: Callable[[str], object]) -> None:
        self._app = app
        self._write = write
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != "/v1/chat/completions":
            await self._app(scope, receive, send)
            return
        number = next(self._numbers)
        key = dict(scope["headers"]).get(b"idempotency-key", b"").decode()
        self._note(number, "began", time.time(), key=key)
        last = time.time()

        async def timed(message: Any) -> None:
            nonlocal last
            if message.get("body"):
                last = time.time()
            await send(message)

        try:
            await self._app(scope, receive, timed)
        finally:
            self._note(number, "ended", last)

    def _note(self, number: int, what: str, at: float, **more: Any) -> None:
        self._write(json.dumps({"call": number, what: at, **more}) + "\n")


def main(port: int, journal: Path) -> None:
    with journal.open("a", buffering=1) as lines:
        app = Journalled(build_mock(MockModel(Pace(LATENCY, TOKENS_PER_SECOND))), lines.write)
        uvicorn.run(app, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
