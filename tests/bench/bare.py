"""A server that answers every POST at once with a fixed 202: the ceiling of who asks it."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

import uvloop

BODY: Final = (
    b'{"id":"00000000-0000-0000-0000-000000000000","status":"Pending","links":{"self":"/"}}'
)
ANSWER: Final = (
    b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    % (len(BODY), BODY)
)


class Bare(asyncio.Protocol):
    """One connection, one request in each read: the client sends them so."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER)  # type: ignore[attr-defined]  # TCP's can


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
