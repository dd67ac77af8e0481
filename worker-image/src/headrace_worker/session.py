"""
aiohttp, for the event loop; what escapes is as in `plain.py`.

Claims and completes are most of what a worker with little work does, and aiohttp spends a fifth
of httpx2's CPU time on a request.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import aiohttp

from headrace_worker.plain import Answer, UnfitError
from headrace_worker.trust import trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 30.0  # less than the gateway's own patience with a silent connection


@contextlib.contextmanager
def session_errors() -> Iterator[None]:
    """Let none of the client's own kind out of this block."""
    try:
        yield
    except ValueError as exc:  # aiohttp.InvalidURL is one
        raise UnfitError(type(exc).__name__) from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise ConnectionError(type(exc).__name__) from exc


class Session:
    """As many connections as there are requests at once; made within a running loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS, ssl=trust(url))
        self._client = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def post(
        self, path: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> Answer:
        """Return the answer if it is whole within so many seconds."""
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        with session_errors():
            async with self._client.post(
                self._url + path, data=body, headers=headers, timeout=timeout
            ) as response:
                told = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, told, await response.read())

    async def close(self) -> None:
        await self._client.close()
