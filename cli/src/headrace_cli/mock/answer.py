"""One answer of the mock model as a value: what it says, how fast, and what goes wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from headrace_cli.mock import schema, text
from headrace_cli.mock.faults import Fault

_MESSAGE_OVERHEAD: Final = 4  # tokens that a chat template adds to each message


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the model is: seconds to the first token, then tokens a second."""

    latency: float = 0.05
    tokens_per_second: float = 300.0

    def with_fault(self, fault: Fault | None) -> Pace:
        if fault is None or fault.kind != "slow":
            return self
        return Pace(
            self.latency if fault.latency is None else fault.latency,
            self.tokens_per_second if fault.pace is None else fault.pace,
        )

    def due(self, nth: int) -> float:
        """Return the seconds after the call at which the n-th token is there."""
        return self.latency + nth / self.tokens_per_second


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model will say to one request."""

    id: str
    model: str
    pieces: tuple[str, ...]
    input_tokens: int
    finish_reason: str

    @property
    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": len(self.pieces),
            "total_tokens": self.input_tokens + len(self.pieces),
        }

    def whole(self, created: int) -> dict[str, Any]:
        """Return the body of an answer that is not streamed."""
        message = {"role": "assistant", "content": "".join(self.pieces)}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return self._frame("chat.completion", created, choices=[choice], usage=self.usage)

    def chunks(self, created: int, *, with_usage: bool) -> Iterator[dict[str, Any]]:
        """Yield the role, one chunk per token, the end, and the usage if it was asked for."""
        yield self._chunk(created, {"role": "assistant", "content": ""}, None)
        for piece in self.pieces:
            yield self._chunk(created, {"content": piece}, None)
        yield self._chunk(created, {}, self.finish_reason)
        if with_usage:
            yield self._frame("chat.completion.chunk", created, choices=[], usage=self.usage)

    def _chunk(self, created: int, delta: Mapping[str, str], finish: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._frame("chat.completion.chunk", created, choices=[choice])

    def _frame(self, kind: str, created: int, **rest: Any) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": created, "model": self.model, **rest}


def prompt_of(request: Mapping[str, Any]) -> str:
    """Join what was said so far; content parts count by their text."""
    return "\n".join(_content(message) for message in request["messages"])


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def compose(request: Mapping[str, Any], call_id: str, fault: Fault | None) -> Answer:
    """Decide the whole answer to a request before its first byte is sent."""
    prompt = prompt_of(request)
    asked = _asked(request)
    wanted = schema.wanted_schema(request, prompt)
    said = text.paragraph(asked) if wanted is None else _json(schema.satisfy(wanted, asked))
    pieces, finish = text.pieces_of(said), "stop"
    if fault is not None and fault.kind == "badjson":
        pieces = text.pieces_of('{"answer": "' + said)[: max(3, len(pieces) // 2)]
    elif fault is not None and fault.kind == "refuse":
        pieces, finish = text.pieces_of("I cannot help with that."), "content_filter"
    most = request.get("max_completion_tokens") or request.get("max_tokens")
    if isinstance(most, int) and 0 < most < len(pieces):
        pieces, finish = pieces[:most], "length"
    overhead = _MESSAGE_OVERHEAD * len(request["messages"])
    model = str(request["model"])
    return Answer(call_id, model, tuple(pieces), text.tokens_in(prompt) + overhead, finish)


def _asked(request: Mapping[str, Any]) -> str:
    said = [_content(m) for m in request["messages"] if m.get("role") == "user"]
    return "\n".join(said) or prompt_of(request)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
