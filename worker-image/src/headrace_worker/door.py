"""
The one client of the gateway: the worker protocol. `models.py` has the model endpoint.

The clients' errors and the gateway's statuses become our own here, by two tables.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from headrace_contract.protocol import (
    ClaimResponse,
    CompleteResponse,
    FailResponse,
    HeartbeatResponse,
    ReleaseResponse,
)
from headrace_worker.errors import DoorError, DoorRefusedError, DoorUnavailableError
from headrace_worker.plain import Plain, UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from headrace_contract.compiled import Message
    from headrace_contract.protocol import (
        ClaimRequest,
        CompleteRequest,
        FailRequest,
        HeartbeatRequest,
        ProgressRequest,
        ReleaseRequest,
    )
    from headrace_worker.plain import Answer
    from headrace_worker.session import Session

M = TypeVar("M", bound="Message")

ANSWER_SECONDS: Final = 15.0  # beyond what a long poll may take
FIRST_SECONDS: Final = 4.0  # nothing can cut it short, so it must not outlast a drain
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


@contextlib.contextmanager
def door_errors() -> Iterator[None]:
    """Let none of the clients' own errors out of this block."""
    try:
        yield
    except UnfitError as exc:
        message = f"The request cannot be sent: {exc}."
        raise DoorRefusedError(message, status=0) from exc
    except OSError as exc:
        message = f"The gateway cannot be reached: {exc}."
        raise DoorUnavailableError(message) from exc


class HttpDoor:
    """The worker protocol over HTTP."""

    def __init__(self, gateway_url: str, token: Callable[[], str]) -> None:
        self._url = gateway_url
        self._token = token
        # The beat has a connection of its own: it must not wait behind anything.
        self._beats = Plain(gateway_url, ANSWER_SECONDS)
        self._first: Plain | None = Plain(gateway_url, FIRST_SECONDS)
        self._session: Session | None = None

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
            answer = self._beats.post("/v1/work/heartbeat", self._headers(), _body(request))
        return _read(HeartbeatResponse, _accepted(answer))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._beats.close()

    async def _post(self, verb: str, request: Message, answer: type[M], wait: float = 0.0) -> M:
        return _read(answer, await self._send(verb, request, wait))

    async def _send(self, verb: str, request: Message, wait: float = 0.0) -> Answer:
        headers, body, path = self._headers(), _body(request), f"/v1/work/{verb}"
        with door_errors():
            if self._first is not None:
                # aiohttp costs a cold start more than all the rest: the first claim goes without.
                first, self._first = self._first, None
                answer = await asyncio.to_thread(first.post, path, headers, body)
                first.close()
                return _accepted(answer)
            if self._session is None:
                module = importlib.import_module("headrace_worker.session")
                self._session = module.Session(self._url)
            answer = await self._session.post(path, headers, body, ANSWER_SECONDS + wait)
        return _accepted(answer)

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        try:
            token = self._token()
        except OSError as exc:
            message = f"The worker's token cannot be read: {type(exc).__name__}."
            raise DoorUnavailableError(message) from exc
        return {**headers, "authorization": f"Bearer {token}"} if token else headers


def _body(request: Message) -> bytes:
    return request.model_dump_json().encode()


def _accepted(answer: Answer) -> Answer:
    """Return an answer that is one; say of all others whether to try again."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    status = answer.status
    said = _json(answer)
    message = f"{status} {said.get('reason') or said.get('title') or ''}".rstrip()
    if status in _AGAIN:
        raise DoorUnavailableError(message, retry_after=_retry_after(answer))
    raise DoorRefusedError(message, status=status)


def _read(model: type[M], answer: Answer) -> M:
    try:
        return model.model_validate_json(answer.body)
    except ValueError as exc:
        msg = f"The gateway's answer is no {model.__name__}."
        raise DoorError(msg) from exc


def _json(answer: Answer) -> Mapping[str, Any]:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(answer: Answer) -> float | None:
    """Read seconds; a date is not worth a clock here."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdigit() else None
