"""The way to providers over aiohttp; the one module that knows it."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import aiohttp

from headrace_gateway.models.ports import (
    Answer,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from headrace_gateway.models.ports import Post

IDLE_SECONDS: Final = 60.0


class AiohttpUpstream:
    """One pool for all providers; a redirect is an answer, never followed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def post(self, request: Post) -> AsyncIterator[Answer]:
        with translated():
            response = await self._client().post(
                request.url,
                headers=dict(request.headers),
                data=request.body,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=request.connect_seconds),
                allow_redirects=False,
            )
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            yield Answer(response.status, headers, chunks(response))
        finally:
            response.close()  # what was read to its end has given its connection back already

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:  # it is bound to the loop that runs
            self._session = aiohttp.ClientSession(
                # Streams are bounded by leases, and a queue here would lie.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,  # else a .netrc could add credentials
            )
        return self._session


async def chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Read the body as it comes; a chunk is read where the caller is, so its errors are too."""
    with translated():
        async for chunk in response.content.iter_any():
            yield chunk


@contextmanager
def translated() -> Iterator[None]:
    """Let nothing of the client's own kind out of this block."""
    try:
        yield
    except (TimeoutError, aiohttp.ServerTimeoutError) as exc:
        raise UpstreamTimeoutError(type(exc).__name__) from exc
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        # The text of a transport error may hold an address; its kind is enough.
        raise UpstreamUnreachableError(type(exc).__name__) from exc
