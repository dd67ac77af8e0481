"""The outermost ring: limits of headers, and no error gets out but as a problem."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.exceptions import HTTPException

from headrace_gateway.edge.answers import problem_answer
from headrace_gateway.errors import (
    GatewayError,
    HeadersTooLargeError,
    MethodError,
    NotFoundError,
    from_ledger,
)
from headrace_ledger.errors import LedgerError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from headrace_gateway.metrics import Metrics

HEADER_BYTES: Final = 16 * 1024
_METHOD_NOT_ALLOWED: Final = 405


class Guard:
    """Plain ASGI, since a middleware that wraps bodies would cost every streamed frame a copy."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = structlog.get_logger("headrace.gateway")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"] = self  # makes the router raise for a wrong method, instead of answering text
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            _check_headers(scope)
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            raise
        except Exception as exc:
            problem = self._translate(exc, scope)
            if status:  # the answer has begun: all that is left is to cut the connection
                raise
            status = problem.code
            await problem_answer(problem)(scope, receive, send)
        finally:
            self._metrics.request(_route(scope), scope["method"], status)

    def _translate(self, error: Exception, scope: Scope) -> GatewayError:
        known = translate(error)
        if known is not None:
            return known
        self._log.error("A request failed.", route=_route(scope), exc_info=error)
        return GatewayError("The gateway failed; the error is in its log.")


def translate(error: Exception) -> GatewayError | None:
    """Return the refusal that an error means; None for a defect of ours."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, LedgerError):
        return from_ledger(error)
    if isinstance(error, HTTPException):
        if error.status_code == _METHOD_NOT_ALLOWED:
            return MethodError((error.headers or {}).get("Allow", "other methods"))
        return NotFoundError()
    return None


def _route(scope: Scope) -> str:
    """Name the route by its pattern: a closed set, unlike the path."""
    route: Any = scope.get("route")
    return getattr(route, "path", "other")


def _check_headers(scope: Scope) -> None:
    size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if size > HEADER_BYTES:
        message = f"The headers are too large: at most {HEADER_BYTES} bytes."
        raise HeadersTooLargeError(message)
