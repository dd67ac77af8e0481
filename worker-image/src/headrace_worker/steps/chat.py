"""
The dialect of the model endpoint: what is asked, and what a stream of chunks adds up to. Pure.

The endpoint speaks as OpenAI's chat completions do. A refusal is a problem document, or
`{"error": {"code", "message"}}` as a body or as a frame of a stream that had begun; a header, or
its `reason`, `code` or `type`, is one of our error classes when the gateway knew one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from headrace_contract.failures import ErrorClass
from headrace_contract.names import MODEL_BODY_BYTES
from headrace_worker.errors import StepFailedError

Message = Mapping[str, str]

JSON: Final = "application/json"
ERROR_CLASS: Final = "x-headrace-error-class"
_CLASSES: Final = frozenset(ErrorClass)
_BY_STATUS: Final[Mapping[int, ErrorClass]] = {
    HTTPStatus.BAD_REQUEST: ErrorClass.BAD_REQUEST,
    HTTPStatus.PAYMENT_REQUIRED: ErrorClass.BUDGET_EXCEEDED,
    HTTPStatus.NOT_FOUND: ErrorClass.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT: ErrorClass.TIMEOUT,
    HTTPStatus.GONE: ErrorClass.INTERRUPTED,  # the lease is over: whatever is handed in is stale
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ErrorClass.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY: ErrorClass.BAD_REQUEST,
    HTTPStatus.TOO_MANY_REQUESTS: ErrorClass.RATE_LIMITED,
    HTTPStatus.GATEWAY_TIMEOUT: ErrorClass.TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: a model class, messages, and what bounds the answer."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: str | None = None
    schema: Mapping[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(message) for message in self.messages],
            "max_tokens": self.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.temperature is not None:
            body["temperature"] = float(self.temperature)
        if self.schema is not None:
            # A provider that does not know it ignores it; the answer is checked in any case.
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": dict(self.schema)},
            }
        return body


def wire(body: Mapping[str, Any]) -> bytes:
    """
    Return a call as it goes out; raise StepFailedError for one that the gateway would not read.

    The gateway's own refusal is lost when it hangs up on a body that is still under way: to the
    step that would be an interruption, after which it would send the same again.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    sent = text.encode()
    if len(sent) > MODEL_BODY_BYTES:
        message = f"The model call has {len(sent)} bytes of JSON; {MODEL_BODY_BYTES} at most."
        raise StepFailedError(ErrorClass.BAD_REQUEST, message)
    return sent


@dataclass(slots=True)
class Answer:
    """What has arrived so far."""

    pieces: list[str] = field(default_factory=list)
    finish: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def take(self, chunk: Mapping[str, Any]) -> None:
        """Add one chunk; raise StepFailedError if it says that the call has failed."""
        if "error" in chunk:
            raise failure(HTTPStatus.BAD_GATEWAY, chunk)
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) != 0:
                continue
            piece = (choice.get("delta") or {}).get("content")
            if piece:
                self.pieces.append(piece)
            self.finish = choice.get("finish_reason") or self.finish
        self.usage = chunk.get("usage") or self.usage
        self.cost = chunk.get("headrace") or self.cost  # what the gateway adds to the usage

    def checked(self) -> str:
        """Return the text of an answer that came to its end."""
        if self.finish is None:
            raise StepFailedError(ErrorClass.PROVIDER_ERROR, "The model's answer was cut off.")
        if self.finish == "content_filter":
            raise StepFailedError(ErrorClass.REFUSED, "The provider's filter refused the answer.")
        return self.text


def failure(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> StepFailedError:
    """Say what a refusal by the model endpoint means for the step."""
    headers = headers or {}
    error = body.get("error")
    told: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    message = told.get("message") or body.get("title") or f"The model endpoint answered {status}."
    words = (headers.get(ERROR_CLASS), body.get("reason"), told.get("code"), told.get("type"))
    known = next((ErrorClass(str(word)) for word in words if str(word) in _CLASSES), None)
    error_class = known or _BY_STATUS.get(status, ErrorClass.PROVIDER_ERROR)
    after = headers.get("retry-after", "")
    retry_after = float(after) if after.isdigit() else None  # a date is not worth a clock here
    return StepFailedError(error_class, str(message), retry_after=retry_after)


def parse_frame(data: str) -> Mapping[str, Any]:
    """Read one frame of the stream."""
    try:
        chunk = json.loads(data)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise StepFailedError(ErrorClass.PROVIDER_ERROR, "The model's stream could not be read.")
    return chunk
