"""The dialect of OpenAI-compatible providers: addresses, usage, and what their refusals mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from headrace_contract.failures import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

# By status; what is not listed is the provider's fault from 500 on, and the request's below.
BY_STATUS: Final[dict[int, ErrorClass]] = {
    400: ErrorClass.BAD_REQUEST,
    401: ErrorClass.PROVIDER_ERROR,  # the platform's key, not the caller's
    402: ErrorClass.PROVIDER_ERROR,
    403: ErrorClass.PROVIDER_ERROR,
    404: ErrorClass.PROVIDER_ERROR,  # the platform named a model that is not there
    408: ErrorClass.TIMEOUT,
    409: ErrorClass.PROVIDER_ERROR,
    413: ErrorClass.BAD_REQUEST,
    422: ErrorClass.BAD_REQUEST,
    424: ErrorClass.PROVIDER_ERROR,
    425: ErrorClass.PROVIDER_ERROR,
    429: ErrorClass.RATE_LIMITED,
    451: ErrorClass.REFUSED,
    504: ErrorClass.TIMEOUT,
}
# By the code in the body, which knows better than the status.
BY_CODE: Final[dict[str, ErrorClass]] = {
    "content_filter": ErrorClass.REFUSED,
    "content_policy_violation": ErrorClass.REFUSED,
    "context_length_exceeded": ErrorClass.BAD_REQUEST,
    "rate_limit_exceeded": ErrorClass.RATE_LIMITED,
    "server_error": ErrorClass.PROVIDER_ERROR,
}
# A fallback is asked when the request itself is not at fault.
PROVIDERS_FAULT: Final = frozenset(
    {ErrorClass.PROVIDER_ERROR, ErrorClass.TIMEOUT, ErrorClass.RATE_LIMITED}
)
_OK: Final = 200
_REDIRECT: Final = 300
_CLIENT: Final = 400
_SERVER: Final = 500
_SECRET: Final = frozenset({401, 402, 403})
_TEXT: Final = 500
_MOST_TOKENS: Final = 2**31 - 1
_MOST_SECONDS: Final = 86_400.0


class ProviderFailure(Exception):  # noqa: N818 -- a value that travels as an exception inside
    """Why a provider did not answer, as one of our classes."""

    def __init__(
        self,
        error_class: ErrorClass,
        text: str,
        *,
        status: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.error_class = error_class
        self.text = text
        self.status = status
        self.retry_after = retry_after

    @property
    def providers_fault(self) -> bool:
        return self.error_class in PROVIDERS_FAULT


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used, as its provider counted it unless it says that it is estimated."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    """Part of `input_tokens`, never more."""
    reasoning_tokens: int = 0
    """Part of `output_tokens`, never more."""
    estimated: bool = False
    """The provider has not counted all of it."""


def address(endpoint: str) -> str:
    return f"{endpoint.rstrip('/')}/chat/completions"


def is_answer(status: int) -> bool:
    return _OK <= status < _REDIRECT


def failure(
    status: int, headers: Mapping[str, str], body: bytes, now: Callable[[], datetime]
) -> ProviderFailure:
    """Translate a refusal, the one place where that is done."""
    code, text = _error_of(body)
    error_class = BY_CODE.get(code) or BY_STATUS.get(status) or _by_range(status)
    said = f"The provider answered {status}."
    if text and status not in _SECRET:  # a refused key may be quoted in the provider's words
        said = f"{said[:-1]}: {text[:_TEXT]}"
    return ProviderFailure(error_class, said, status=status, retry_after=retry_after(headers, now))


def failure_in_stream(frame: bytes) -> ProviderFailure:
    """Translate what a provider says in the middle of an answer that had begun well."""
    code, text = _error_of(frame)
    error_class = BY_CODE.get(code, ErrorClass.PROVIDER_ERROR)
    said = "The provider ended its answer with an error"
    return ProviderFailure(error_class, f"{said}: {text[:_TEXT]}" if text else f"{said}.")


def _by_range(status: int) -> ErrorClass:
    if _CLIENT <= status < _SERVER:
        return ErrorClass.BAD_REQUEST
    return ErrorClass.PROVIDER_ERROR


def _error_of(body: bytes) -> tuple[str, str]:
    """Return code and message of an error body; servers differ in how they nest them."""
    try:
        value: Any = from_json(body)
    except ValueError:
        return "", ""
    error = value.get("error", value) if isinstance(value, dict) else None
    if isinstance(error, str):
        return "", error
    if not isinstance(error, dict):
        return "", ""
    code, text = error.get("code"), error.get("message")
    return (code if isinstance(code, str) else ""), (text if isinstance(text, str) else "")


def retry_after(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Read how long to wait: milliseconds, seconds or a date; None when it is not said."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        given = headers.get(name, "")
        try:
            seconds = float(given) * unit
        except ValueError:
            continue
        if isfinite(seconds):  # NaN compares with nothing, and would be waited for ever
            return min(max(seconds, 0.0), _MOST_SECONDS)
    try:
        at = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max((at - now()).total_seconds(), 0.0), _MOST_SECONDS)


def usage_of(value: Any) -> Usage | None:
    """Read the provider's own figures from an answer or a frame."""
    usage = value.get("usage") if isinstance(value, dict) else None
    if not isinstance(usage, dict):
        return None
    given = _tokens(usage.get("prompt_tokens"))
    made = _tokens(usage.get("completion_tokens"))
    cached = (
        _detail(usage, "prompt_tokens_details", "cached_tokens")
        or _tokens(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
        or _tokens(usage.get("cached_tokens"))  # Moonshot
    )
    reasoning = _detail(usage, "completion_tokens_details", "reasoning_tokens")
    if _tokens(usage.get("total_tokens")) == given + made + reasoning:
        made += reasoning  # xAI counts reasoning beside the answer's tokens, not among them
    return Usage(given, made, min(cached, given), min(reasoning, made))


def _detail(usage: dict[str, Any], group: str, name: str) -> int:
    details = usage.get(group)
    return _tokens(details.get(name)) if isinstance(details, dict) else 0


def _tokens(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), _MOST_TOKENS)
