"""What a call used when the provider did not count: an estimate by bytes, never nothing."""

from __future__ import annotations

from typing import Final

from pydantic_core import from_json, to_json

from headrace_gateway.models.frames import values
from headrace_gateway.models.openai_compatible import Usage
from headrace_gateway.models.replay import joined

_BYTES_PER_TOKEN: Final = 4


def estimated_usage(request_bytes: int, answer_bytes: int) -> Usage:
    """Return tokens for bytes that were sent and received: one for every four, rounded up."""
    return Usage(-(-request_bytes // _BYTES_PER_TOKEN), -(-answer_bytes // _BYTES_PER_TOKEN))


def answer_bytes(response: bytes, *, streamed: bool) -> int:
    """Return the bytes of what was said, without the frames around it; all of them if unsure."""
    try:
        answer = joined(values(response)) if streamed else from_json(response)
        said = [choice["message"] for choice in answer["choices"]]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return len(response)
    return len(to_json(said))
