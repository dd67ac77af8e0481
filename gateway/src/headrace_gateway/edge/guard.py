"""The outermost ring: limits of headers, and no error gets out but as a problem."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from headrace_gateway.edge.answers import problem_answer
from headrace_gateway.errors import (
    GatewayError,
    HeadersTooLargeError,
    MethodError,
    NotFoundError,
    UnavailableError,
    from_ledger,
)
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import Router
    from starlette.types import Message, Receive, Scope, Send

    from headrace_gateway.metrics import Metrics

HEADER_BYTES: Final = 16 * 1024
SHORT_BODY: Final = 64 * 1024
# How much of a body that nobody wants is read, for how long, and how long without a byte.
DRAIN_BYTES: Final = 64 * 1024 * 1024
DRAIN_SECONDS: Final = 10.0
DRAIN_IDLE_SECONDS: Final = 1.0
_METHOD_NOT_ALLOWED: Final = 405


class Exchange:
    """What went over one request so far: the status of the answer, the end of the body."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.read = not _has_long_body(scope)
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.read = self.read or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def refuse(self, answer: Response) -> None:
        """Answer before the body is read: at once, then read on for a while, then close.

        To close over bytes that nobody read resets the connection, and a client that sends first
        and reads then would never see why. Who goes on sending for ever is cut.
        """
        if self.read:
            await answer(self._scope, self._receive, self.send)
            return
        answer.headers["connection"] = "close"
        start = {"status": answer.status_code, "headers": answer.raw_headers}
        await self.send({"type": "http.response.start", **start})
        await self.send({"type": "http.response.body", "body": answer.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._drain()
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drain(self) -> None:
        left = DRAIN_BYTES
        while left > 0 and not self.read:
            async with asyncio.timeout(DRAIN_IDLE_SECONDS):
                left -= len((await self.receive()).get("body", b""))


class Guard:
    """Plain ASGI, since a middleware that wraps bodies would cost every streamed frame a copy."""

    def __init__(self, app: Router, metrics: Metrics, most: int) -> None:
        self._app = app
        self._metrics = metrics
        self._most = most
        self._under_way = 0
        self._log = structlog.get_logger("headrace.gateway")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"] = self  # makes the router raise for a wrong method, instead of answering text
        seen = Exchange(scope, receive, send)
        self._under_way += 1
        try:
            _check_headers(scope)
            self._check_room()
            await self._app(scope, seen.receive, seen.send)
        except Exception as exc:
            problem = self._translate(exc, scope)
            if seen.status:  # the answer has begun: all that is left is to cut the connection
                raise
            await seen.refuse(problem_answer(problem))
        finally:
            self._under_way -= 1
            self._metrics.request(_route(scope), scope["method"], seen.status)

    def _check_room(self) -> None:
        if self._under_way > self._most:
            message = "Too many requests are under way on this gateway; try again."
            raise UnavailableError(message)

    def _translate(self, error: Exception, scope: Scope) -> GatewayError:
        if isinstance(error, HTTPException) and error.status_code == _METHOD_NOT_ALLOWED:
            return MethodError(_methods(self._app, scope))
        known = translate(error)
        if known is not None:
            return known
        self._log.error("A request failed.", route=_route(scope), exc_info=error)
        return GatewayError("The gateway failed; the error is in its log.")


async def full(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer on a connection that is one too many, and close it."""
    seen = Exchange(scope, receive, send)
    seen.read = False
    message = "Too many connections are open to this gateway; try again."
    await seen.refuse(problem_answer(UnavailableError(message)))


def translate(error: Exception) -> GatewayError | None:
    """Return the refusal that an error means; None for a defect of ours."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, LedgerError):
        return from_ledger(error)
    if isinstance(error, HTTPException):
        return NotFoundError()
    return None


def _methods(router: Router, scope: Scope) -> str:
    """Name what an address answers, over all routes that have it: the router says that of one."""
    methods: set[str] = set()
    for route in router.routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods - {"HEAD"}))


def _route(scope: Scope) -> str:
    """Name the route by its pattern: a closed set, unlike the path."""
    route: Any = scope.get("route")
    return getattr(route, "path", "other")


def _has_long_body(scope: Scope) -> bool:
    """Say whether a body may come that is not worth reading to its end."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return True
        if name == b"content-length":
            return not value.isdigit() or int(value) > SHORT_BODY
    return False


def _check_headers(scope: Scope) -> None:
    size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if size > HEADER_BYTES:
        message = f"The headers are too large: at most {HEADER_BYTES} bytes."
        raise HeadersTooLargeError(message)
