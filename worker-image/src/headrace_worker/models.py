"""The model endpoint of the gateway, streamed; httpx2's errors become our own here."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import httpx2 as httpx

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import DoorUnavailableError, StepFailedError
from headrace_worker.steps import chat
from headrace_worker.trust import trust

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from pydantic import SecretStr

    from headrace_worker.retry import Insist

CONNECT_SECONDS: Final = 5.0
# A worker opens as many connections as it has slots.
_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)


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
            content=chat.wire(body),
            headers={
                "content-type": chat.JSON,
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


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
