"""
A lean HTTP/1.1 client: one request at a time on a connection that stays open; answers by length.

The same for ours and for every peer, so that what is measured is the server.
"""

from __future__ import annotations

import asyncio
from typing import Final

_LENGTH: Final = b"content-length:"


class Connection(asyncio.Protocol):
    """One connection; `ask` raises ConnectionError when it ends under way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._read = b""

    @classmethod
    async def to(cls, port: int) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # TCP gives one of these

    def data_received(self, data: bytes) -> None:
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = self._read[:end].lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        whole = end + 4 + length
        if len(self._read) >= whole:
            body, self._read = self._read[end + 4 : whole], self._read[whole:]
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed under way"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send one whole request; return status and body."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def post(path: str, headers: str, body: str) -> bytes:
    """Write a request; `headers` are whole lines, each with its end."""
    return (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"{headers}content-length: {len(body)}\r\n\r\n{body}"
    ).encode()
