"""One call of the model endpoint from a child process, blocking."""

from __future__ import annotations

import os
from http import HTTPStatus

import httpx2 as httpx

from headrace_contract.failures import ErrorClass
from headrace_worker.errors import StepFailedError
from headrace_worker.steps.chat import JSON, Answer, Ask, failure, parse_frame, wire

__all__ = ["Ask", "ask"]


def ask(base_url: str, key: str, what: Ask) -> str:
    """Stream the answer, so that those who watch the run see it grow; return it whole."""
    body = wire(what.body())
    headers = {
        "content-type": JSON,
        "authorization": f"Bearer {key}",
        "traceparent": os.environ.get("TRACEPARENT", ""),
    }
    answer = Answer()
    try:
        # The step's timeout ends a call that hangs: the worker kills this process.
        with (
            httpx.Client(trust_env=False, timeout=None) as client,
            client.stream(
                "POST", f"{base_url}/chat/completions", content=body, headers=headers
            ) as response,
        ):
            if response.status_code != HTTPStatus.OK:
                response.read()
                raise _failure(response)
            for event in httpx.EventSource(response):
                if event.data == "[DONE]":
                    break
                answer.take(parse_frame(event.data))
    except httpx.HTTPError as exc:
        message = f"The model endpoint cannot be reached: {type(exc).__name__}."
        raise StepFailedError(ErrorClass.INTERRUPTED, message) from exc
    return answer.checked()


def _failure(response: httpx.Response) -> StepFailedError:
    try:
        body = response.json()
    except ValueError:
        body = {}
    return failure(response.status_code, body if isinstance(body, dict) else {}, response.headers)
