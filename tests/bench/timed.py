"""HTTP by hand over one kept connection: what is measured is the server, not a client library."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Told:
    """One answer. `first` and `last` are seconds from the request to parts of the body."""

    status: int
    body: bytes
    first: float
    last: float


class Wire:
    """Posts JSON, one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**20))

    async def post(self, path: str, body: bytes, token: str = "") -> Told:
        """Send; return the answer, whether it came whole or in chunks."""
        lines = [f"POST {path} HTTP/1.1", "host: bench", "content-type: application/json"]
        if token:
            lines.append(f"authorization: Bearer {token}")
        lines.append(f"content-length: {len(body)}\r\n\r\n")
        began = time.perf_counter()
        self._writer.write("\r\n".join(lines).encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"transfer-encoding: chunked" not in head:
            size = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            whole = await self._reader.readexactly(size)
            took = time.perf_counter() - began
            return Told(status, whole, took, took)
        parts, first = [], 0.0
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            parts.append((await self._reader.readexactly(size + 2))[:-2])
            first = first or time.perf_counter() - began
        await self._reader.readexactly(2)
        return Told(status, b"".join(parts), first, time.perf_counter() - began)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()
