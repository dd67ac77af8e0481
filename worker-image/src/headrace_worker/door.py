"""
The one client of the gateway: the worker protocol, and the model endpoint.

httpx2's errors and the gateway's statuses become our own here, by two tables.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx2 as httpx

from headrace_contract.failures import ErrorClass
from headrace_contract.protocol import (
    ClaimResponse,
    CompleteResponse,
    FailResponse,
    HeartbeatResponse,
    ReleaseResponse,
)
from headrace_worker.errors import (
    DoorError,
    DoorRefusedError,
    DoorUnavailableError,
    StepFailedError,
)
from headrace_worker.steps import chat
from headrace_worker.trust import trust

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

    from pydantic import SecretStr

    from headrace_contract.compiled import Message
    from headrace_contract.protocol import (
        ClaimRequest,
        CompleteRequest,
        FailRequest,
        HeartbeatRequest,
        ProgressRequest,
        ReleaseRequest,
    )
    from headrace_worker.retry import Insist

M = TypeVar("M", bound="Message")

ANSWER_SECONDS: Final = 15.0  # beyond what a long poll may take
CONNECT_SECONDS: Final = 5.0
_AGAIN: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_OURS: Final = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)
# A worker opens as many connections as it has slots, and the answers are small.
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)


@contextlib.contextmanager
def door_errors() -> Iterator[None]:
    """Let none of the client's own errors out of this block."""
    try:
        yield
    except _OURS as exc:
        message = f"The request cannot be sent: {type(exc).__name__}."
        raise DoorRefusedError(message, status=0) from exc
    except httpx.HTTPError as exc:
        message = f"The gateway cannot be reached: {type(exc).__name__}."
        raise DoorUnavailableError(message) from exc


class HttpDoor:
    """The worker protocol over HTTP."""

    def __init__(self, gateway_url: str, token: Callable[[], str]) -> None:
        self._token = token
        verify = trust(gateway_url)
        self._client = httpx.AsyncClient(
            base_url=gateway_url, limits=_LIMITS, trust_env=False, timeout=_timeout(), verify=verify
        )
        # The beat has a connection of its own: it must not wait behind anything.
        self._beats = httpx.Client(
            base_url=gateway_url, trust_env=False, timeout=_timeout(), verify=verify
        )

    async def claim(self, request: ClaimRequest) -> ClaimResponse:
        return await self._post("claim", request, ClaimResponse, request.wait_seconds)

    async def complete(self, request: CompleteRequest) -> CompleteResponse:
        return await self._post("complete", request, CompleteResponse)

    async def fail(self, request: FailRequest) -> FailResponse:
        return await self._post("fail", request, FailResponse)

    async def release(self, request: ReleaseRequest) -> ReleaseResponse:
        return await self._post("release", request, ReleaseResponse)

    async def progress(self, request: ProgressRequest) -> None:
        await self._send("progress", request)

    def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResponse:
        with door_errors():
            response = self._beats.post(
                "/v1/work/heartbeat", content=_body(request), headers=self._headers()
            )
        return _read(HeartbeatResponse, _accepted(response))

    async def close(self) -> None:
        await self._client.aclose()
        self._beats.close()

    async def _post(self, verb: str, request: Message, answer: type[M], wait: float = 0.0) -> M:
        return _read(answer, await self._send(verb, request, wait))

    async def _send(self, verb: str, request: Message, wait: float = 0.0) -> httpx.Response:
        with door_errors():
            response = await self._client.post(
                f"/v1/work/{verb}",
                content=_body(request),
                headers=self._headers(),
                timeout=_timeout(wait),
            )
        return _accepted(response)

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        try:
            token = self._token()
        except OSError as exc:
            message = f"The worker's token cannot be read: {type(exc).__name__}."
            raise DoorUnavailableError(message) from exc
        return {**headers, "authorization": f"Bearer {token}"} if token else headers


class HttpModels:
    """The model endpoint over HTTP, streamed."""

    def __init__(self, gateway_url: str, insist: Insist) -> None:
        self._insist = insist
        # The step's own timeout bounds a call; between two chunks there may be any silence.
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        verify = trust(gateway_url)
        self._client = httpx.AsyncClient(
            base_url=gateway_url, limits=_LIMITS, trust_env=False, timeout=timeout, verify=verify
        )

    async def chat(
        self, key: SecretStr, body: Mapping[str, Any], *, traceparent: str
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        request = self._client.build_request(
            "POST",
            "/v1/chat/completions",
            json=dict(body),
            headers={
                "authorization": f"Bearer {key.get_secret_value()}",
                "traceparent": traceparent,
            },
        )
        response = await self._insist(lambda: self._opened(request))
        try:
            async for event in httpx.EventSource(response):
                if event.data == "[DONE]":
                    return
                yield chat.parse_frame(event.data)
        except httpx.HTTPError as exc:
            # The gateway went away under the call. What it had finished is recorded there.
            message = "The connection to the gateway broke during a model call."
            raise StepFailedError(ErrorClass.INTERRUPTED, message) from exc
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._client.aclose()

    async def _opened(self, request: httpx.Request) -> httpx.Response:
        """
        Send; return an answer that streams.

        A refused connection and a 503 say that no model was called: those may be tried again.
        """
        try:
            response = await self._client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            msg = "The gateway cannot be reached."
            raise DoorUnavailableError(msg) from exc
        except httpx.HTTPError as exc:
            message = "The connection to the gateway broke before the model answered."
            raise StepFailedError(ErrorClass.INTERRUPTED, message) from exc
        if response.status_code == HTTPStatus.OK:
            return response
        await response.aread()
        await response.aclose()
        error = chat.failure(response.status_code, _json(response), response.headers)
        ours = chat.ERROR_CLASS not in response.headers
        if ours and response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise DoorUnavailableError(str(error), retry_after=error.retry_after)
        raise error


def _timeout(wait: float = 0.0) -> httpx.Timeout:
    return httpx.Timeout(ANSWER_SECONDS + wait, connect=CONNECT_SECONDS)


def _body(request: Message) -> bytes:
    return request.model_dump_json().encode()


def _accepted(response: httpx.Response) -> httpx.Response:
    """Return an answer that is one; say of all others whether to try again."""
    if response.is_success:
        return response
    status = response.status_code
    said = _json(response)
    message = f"{status} {said.get('reason') or said.get('title') or ''}".rstrip()
    if status in _AGAIN:
        raise DoorUnavailableError(message, retry_after=_retry_after(response))
    raise DoorRefusedError(message, status=status)


def _read(model: type[M], response: httpx.Response) -> M:
    try:
        return model.model_validate_json(response.content)
    except ValueError as exc:
        msg = f"The gateway's answer is no {model.__name__}."
        raise DoorError(msg) from exc


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(response: httpx.Response) -> float | None:
    """Read seconds; a date is not worth a clock here."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdigit() else None
