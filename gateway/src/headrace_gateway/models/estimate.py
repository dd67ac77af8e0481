"""What a call used when the provider did not count: an estimate by bytes, never nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json, to_json

from headrace_gateway.models.frames import values
from headrace_gateway.models.openai_compatible import Usage
from headrace_gateway.models.replay import joined

if TYPE_CHECKING:
    from collections.abc import Callable

_BYTES_PER_TOKEN: Final = 4


def estimated_usage(request_bytes: int, answer_bytes: int) -> Usage:
    """Return tokens for bytes that were sent and received: one for every four, rounded up."""
    given, made = -(-request_bytes // _BYTES_PER_TOKEN), -(-answer_bytes // _BYTES_PER_TOKEN)
    return Usage(given, made, estimated=True)


def complete(
    usage: Usage, request: Callable[[], bytes], response: bytes, *, streamed: bool
) -> Usage:
    """Return the usage of a finished call: estimated where the provider has not counted.

    `request` gives the bytes that were sent; they are looked at only when they are needed.
    """
    if usage.input_tokens and usage.output_tokens:
        return usage
    said = answer_bytes(response, streamed=streamed)
    if usage.input_tokens and not said:
        return usage  # an empty answer has no tokens
    asked = 0 if usage.input_tokens else len(request())
    guess = estimated_usage(asked, said)
    return replace(
        usage,
        input_tokens=usage.input_tokens or guess.input_tokens,
        output_tokens=usage.output_tokens or guess.output_tokens,
        estimated=True,
    )


def answer_bytes(response: bytes, *, streamed: bool) -> int:
    """Return the bytes of what was said, without what is around it; all of them if unsure."""
    try:
        answer = joined(values(response)) if streamed else from_json(response)
        said = [
            {name: part for name, part in choice["message"].items() if part and name != "role"}
            for choice in answer["choices"]
        ]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return len(response)
    return len(to_json(said)) if any(said) else 0
