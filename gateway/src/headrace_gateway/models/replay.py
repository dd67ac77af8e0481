"""A recorded answer, told again: streamed or whole, whichever way it was asked this time."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json, to_json

from headrace_gateway.models.frames import DONE, values


def as_whole(response: bytes, *, streamed: bool) -> bytes:
    """Return the answer as one document."""
    return to_json(joined(values(response))) if streamed else response


def as_stream(response: bytes, *, streamed: bool, include_usage: bool) -> bytes:
    """Return the answer as frames, with its end."""
    chunks = values(response) if streamed else split(from_json(response))
    told = [
        b"data: " + to_json(chunk) + b"\n\n"
        for chunk in chunks
        if include_usage or chunk.get("choices") or not chunk.get("usage")
    ]
    return b"".join((*told, DONE))


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up the chunks of a stream."""
    choices: dict[int, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    for chunk in chunks:
        for name in ("id", "created", "model", "system_fingerprint", "usage"):
            if chunk.get(name) is not None:
                answer[name] = chunk[name]
        for part in chunk.get("choices") or ():
            _add(choices.setdefault(part.get("index", 0), _empty(part.get("index", 0))), part)
    answer["object"] = "chat.completion"
    answer["choices"] = [choices[index] for index in sorted(choices)]
    return answer


def _empty(index: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": None}
    return {"index": index, "message": message, "finish_reason": None}


def _add(choice: dict[str, Any], part: dict[str, Any]) -> None:
    delta = part.get("delta") or {}
    message = choice["message"]
    for name, value in delta.items():
        if name == "tool_calls":
            for call in value or ():
                _add_call(message.setdefault("tool_calls", []), call)
        elif name != "role" and isinstance(value, str):
            message[name] = (message.get(name) or "") + value
        elif value is not None:
            message[name] = value
    if part.get("finish_reason"):
        choice["finish_reason"] = part["finish_reason"]


def _add_call(calls: list[dict[str, Any]], delta: dict[str, Any]) -> None:
    index = delta.get("index", len(calls))
    while len(calls) <= index:
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[index]
    call["id"] = delta.get("id") or call["id"]
    call["type"] = delta.get("type") or call["type"]
    function = delta.get("function") or {}
    call["function"]["name"] += function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""


def split(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Make the chunks that would have carried a whole answer."""
    head: dict[str, Any] = {
        name: answer[name] for name in ("id", "created", "model") if name in answer
    }
    head["object"] = "chat.completion.chunk"
    chunks: list[dict[str, Any]] = []
    for choice in answer.get("choices") or ():
        delta = {name: value for name, value in choice["message"].items() if value is not None}
        if "tool_calls" in delta:
            delta["tool_calls"] = [
                {**call, "index": index} for index, call in enumerate(delta["tool_calls"])
            ]
        index, finish = choice.get("index", 0), choice.get("finish_reason")
        chunks += [
            {**head, "choices": [{"index": index, "delta": delta, "finish_reason": None}]},
            {**head, "choices": [{"index": index, "delta": {}, "finish_reason": finish}]},
        ]
    if answer.get("usage"):
        chunks.append({**head, "choices": [], "usage": answer["usage"]})
    return chunks
