"""An https server that hears webhooks, and answers what it was told to."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from certificates import Pair


@dataclass(frozen=True)
class Heard:
    """One request, and the name that the TLS handshake asked for."""

    headers: dict[str, str]
    body: bytes
    path: str
    asked_for: str | None


@dataclass
class Receiver:
    """Answers with these statuses in turn, then with 204."""

    statuses: Iterator[int] = field(default_factory=lambda: iter(()))
    answer: dict[str, Any] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    port: int = 0
    _asked_for: str | None = None

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hook?token=of-the-address"

    async def hear(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.heard.append(Heard(headers, body, request.path_qs, self._asked_for))
        return web.Response(status=next(self.statuses, 204), **self.answer)

    def note(self, _: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        self._asked_for = name


@asynccontextmanager
async def receiving(pair: Pair, *statuses: int, **answer: Any) -> AsyncIterator[Receiver]:
    """Listen on a free port of loopback."""
    receiver = Receiver(iter(statuses), answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    context.sni_callback = receiver.note
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        await runner.cleanup()
