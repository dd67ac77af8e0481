"""A way to the ledger that a test can cut and mend, without touching the server of the others."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOCKET = ".s.PGSQL.5432"


class Relay:
    """Looks like the embedded server; forwards every byte, or none."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._real = Path(parse_qs(urlsplit(server.gateway_url).query)["host"][0]) / SOCKET
        self._listener: asyncio.Server | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def gateway_url(self) -> str:
        return self._through(self._server.gateway_url)

    @property
    def operator_url(self) -> str:
        return self._server.operator_url

    def _through(self, url: str) -> str:
        return urlunsplit(urlsplit(url)._replace(query=f"host={quote(str(self._folder))}"))

    async def mend(self) -> None:
        self._listener = await asyncio.start_unix_server(self._accept, str(self._folder / SOCKET))

    async def cut(self) -> None:
        """Break every connection and refuse new ones."""
        assert self._listener is not None
        self._listener.close()
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        (self._folder / SOCKET).unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        far_reader, far_writer = await asyncio.open_unix_connection(str(self._real))
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        except asyncio.CancelledError:
            return
        finally:
            self._under_way.discard(task)
            for each in (writer, far_writer):
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def relayed(server: Any) -> AsyncIterator[Relay]:
    with tempfile.TemporaryDirectory(prefix="hr-relay-") as folder:
        relay = Relay(server, Path(folder))
        await relay.mend()
        try:
            yield relay
        finally:
            await relay.cut()
