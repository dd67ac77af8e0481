"""What the mock model was asked, so that a test can count calls instead of trusting anybody."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

_KEPT: Final = 10_000
_EXCERPT: Final = 200


@dataclass(slots=True)
class Call:
    """One call, from its first byte to its end."""

    id: str
    model: str
    stream: bool
    prompt: str
    idempotency_key: str | None
    traceparent: str | None
    fault: str | None
    status: int = 200
    finished: bool = False
    input_tokens: int = 0
    output_tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "model": self.model,
            "stream": self.stream,
            "prompt": self.prompt,
            "idempotencyKey": self.idempotency_key,
            "traceparent": self.traceparent,
            "fault": self.fault,
            "status": self.status,
            "finished": self.finished,
            "inputTokens": self.input_tokens,
            "outputTokens": self.output_tokens,
        }


@dataclass(slots=True)
class Journal:
    """The latest calls in order, and how many there ever were."""

    count: int = 0
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def add(self, call: Call) -> Call:
        """Keep a call; of its prompt only the beginning, since thousands are kept."""
        call.prompt = call.prompt[:_EXCERPT]
        self.count += 1
        self.calls.append(call)
        return call

    def clear(self) -> None:
        self.count = 0
        self.calls.clear()

    def as_json(self) -> dict[str, Any]:
        return {"count": self.count, "calls": [call.as_json() for call in self.calls]}
