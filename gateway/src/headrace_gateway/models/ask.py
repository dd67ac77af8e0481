"""What a step asks of a model: read once, named by its content, sent on with the target's name."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from headrace_contract.failures import ErrorClass
from headrace_gateway.models.refusals import ModelError

_KEY: Final = re.compile(r"^[0-9a-f]{64}$")
# They say how an answer is carried, not what is asked: a recorded answer serves both ways.
_CARRIAGE: Final = frozenset({"stream", "stream_options"})
_NAME_LENGTH: Final = 200
MOST_TOKENS: Final = 2**31 - 1
_MOST_CHOICES: Final = 128


@dataclass(frozen=True, slots=True)
class Ask:
    """A chat completion that somebody wants."""

    body: dict[str, Any]
    model: str
    stream: bool
    include_usage: bool
    request_hash: bytes
    size: int = 0
    """Bytes of the request, as it came."""

    @property
    def most_output(self) -> int | None:
        """The most tokens of one answer that the caller wants; None if it does not say."""
        for name in ("max_completion_tokens", "max_tokens"):
            value = self.body.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return min(value, MOST_TOKENS)
        return None

    @property
    def choices(self) -> int:
        """How many answers are asked for at once."""
        value = self.body.get("n")
        return min(value, _MOST_CHOICES) if isinstance(value, int) and value > 1 else 1


def read_ask(value: Any, size: int = 0) -> Ask:
    """Check the little that the door itself needs; the provider judges the rest."""
    if not isinstance(value, dict):
        msg = "The body must be a JSON object."
        raise _bad(msg)
    model = value.get("model")
    if not isinstance(model, str) or not 0 < len(model) <= _NAME_LENGTH:
        msg = "`model` must name a model class of the pipeline."
        raise _bad(msg)
    if not isinstance(value.get("messages"), list):
        msg = "`messages` must be a list."
        raise _bad(msg)
    stream = value.get("stream") or False
    if not isinstance(stream, bool):
        msg = "`stream` must be true or false."
        raise _bad(msg)
    options = value.get("stream_options") or {}
    if not isinstance(options, dict):
        msg = "`stream_options` must be an object."
        raise _bad(msg)
    return Ask(value, model, stream, options.get("include_usage") is True, _hash(value), size)


def _bad(text: str) -> ModelError:
    return ModelError(ErrorClass.BAD_REQUEST, text)


def _hash(value: dict[str, Any]) -> bytes:
    asked = {name: part for name, part in value.items() if name not in _CARRIAGE}
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).digest()


def upstream_body(ask: Ask, model: str, most_output: int | None = None) -> bytes:
    """Write the request for a target; usage is always asked for, since it is what we record.

    `most_output` bounds an answer that the caller left unbounded, because a limit counts it.
    """
    body = {**ask.body, "model": model}
    if most_output is not None:
        body["max_tokens"] = most_output
    if ask.stream:
        body["stream_options"] = {**(ask.body.get("stream_options") or {}), "include_usage": True}
    return to_json(body)


def key_hash(key: str | None) -> bytes | None:
    """Return the hash by which the lease is found; None for what no slot key looks like."""
    if key is None or not _KEY.match(key):
        return None
    return hashlib.sha256(key.encode()).digest()
