"""The way to providers over httpx2; the one module that knows it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import httpx2 as httpx

from headrace_gateway.models.ports import (
    Answer,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
        try:
            async with self._client.stream(
                "POST",
                request.url,
                headers=dict(request.headers),
                content=request.body,
                timeout=timeout,
            ) as response:
                yield Answer(response.status_code, response.headers, response.aiter_raw())
        except httpx.TimeoutException as exc:
            raise UpstreamTimeoutError(type(exc).__name__) from exc
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            # The text of a transport error may hold an address; its kind is enough.
            raise UpstreamUnreachableError(type(exc).__name__) from exc

    async def close(self) -> None:
        await self._client.aclose()
