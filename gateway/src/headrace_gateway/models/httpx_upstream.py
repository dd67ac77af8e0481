"""The way to providers over httpx2; the one module that knows it."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import httpx2 as httpx

from headrace_gateway.models.ports import (
    Answer,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from headrace_gateway.models.ports import (
        Post,
    )

KEPT_CONNECTIONS: Final = 200
IDLE_SECONDS: Final = 60.0


class HttpxUpstream:
    """One pool for all providers; a redirect is an answer, never followed."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            transport=transport,
            limits=httpx.Limits(
                max_connections=None,  # streams are bounded by leases, and a queue here would lie
                max_keepalive_connections=KEPT_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
            ),
            follow_redirects=False,
            trust_env=False,  # else a .netrc could add credentials
        )

    @asynccontextmanager
    async def post(self, request: Post) -> AsyncIterator[Answer]:
        timeout = httpx.Timeout(None, connect=request.connect_seconds)
        wanted = self._client.build_request(
            "POST",
            request.url,
            headers=dict(request.headers),
            content=request.body,
            timeout=timeout,
        )
        with translated():
            response = await self._client.send(wanted, stream=True)
        try:
            yield Answer(response.status_code, response.headers, chunks(response))
        finally:
            with translated():
                await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()


async def chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Read the body as it comes; a chunk is read where the caller is, so its errors are too."""
    with translated():
        async for chunk in response.aiter_raw():
            yield chunk


@contextmanager
def translated() -> Iterator[None]:
    """Let nothing of the client's own kind out of this block."""
    try:
        yield
    except httpx.TimeoutException as exc:
        raise UpstreamTimeoutError(type(exc).__name__) from exc
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
        # The text of a transport error may hold an address; its kind is enough.
        raise UpstreamUnreachableError(type(exc).__name__) from exc
