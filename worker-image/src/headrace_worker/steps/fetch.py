"""
One request to the world outside, to an address that was checked, and not beyond it.

The name is resolved once and the connection goes to the address that was judged, so a name that
answers differently the second time gains nothing. No redirect is followed, no proxy is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx2 as httpx

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError
from headrace_worker.steps.egress import EgressRefusedError
from headrace_worker.trust import trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from headrace_worker.steps.egress import Egress

MAX_BODY_BYTES: Final = 1024 * 1024
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Sent:
    """What a step asks for."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None


@dataclass(frozen=True, slots=True)
class Received:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    encoding: str


async def fetch(sent: Sent, egress: Egress) -> Received:
    """Send; whatever goes wrong becomes a StepFailedError, a timeout aside."""
    with _errors():
        url = _checked(httpx.URL(sent.url))
        port = url.port or _PORTS[url.scheme]
        address = egress.choose(url.host, port, await _resolve(url.host, port))
        pinned = url.copy_with(host=address)
        headers = {**sent.headers, "host": url.netloc.decode()}
        # One client per request: nothing of one step, cookies say, is left for the next.
        # The step's timeout bounds it.
        async with httpx.AsyncClient(
            trust_env=False, timeout=None, verify=trust(url.scheme + ":")
        ) as client:
            request = client.build_request(
                sent.method,
                pinned,
                headers=headers,
                content=sent.body,
                extensions={"sni_hostname": url.host},
            )
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                return await _received(response)
            finally:
                await response.aclose()


def _checked(url: httpx.URL) -> httpx.URL:
    if url.scheme not in _PORTS or not url.host:
        message = f"must be an http or https address, not '{url.scheme}:…'"
        raise httpx.InvalidURL(message)
    if url.userinfo:
        message = "must not contain credentials: headers are the place for them"
        raise httpx.InvalidURL(message)
    return url


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _received(response: httpx.Response) -> Received:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            message = f"The answer is larger than {MAX_BODY_BYTES} bytes."
            raise StepFailedError(ErrorClass.INVALID_OUTPUT, message)
    return Received(
        status=response.status_code,
        headers=dict(response.headers),
        body=bytes(body),
        encoding=response.encoding or "utf-8",
    )


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Name the class of everything that the client, the resolver and the rules raise."""
    try:
        yield
    except EgressRefusedError as exc:
        raise StepFailedError(ErrorClass.BAD_REQUEST, str(exc)) from exc
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as exc:
        raise StepFailedError(ErrorClass.BAD_REQUEST, f"`http.url` {exc}") from exc
    except httpx.TimeoutException as exc:
        raise StepFailedError(ErrorClass.TIMEOUT, "The server did not answer in time.") from exc
    except (httpx.HTTPError, OSError) as exc:
        # The text may hold the address with what the template put in it; the class is enough.
        message = f"The request did not succeed: {type(exc).__name__}."
        raise StepFailedError(ErrorClass.STEP_ERROR, message) from exc
