"""What comes in: read with its limits while it arrives, parsed once, refused early."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from headrace_gateway.errors import (
    BadRequestError,
    EncodingError,
    InvalidError,
    RequestTimeoutError,
    TooLargeError,
)

if TYPE_CHECKING:
    from starlette.requests import Request

M = TypeVar("M", bound=BaseModel)

BODY_SECONDS: Final = 30.0
MAX_DEPTH: Final = 64
_MAX_INTEGER: Final = 2**63 - 1
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
# Only then a value can leave the range of what is stored: many digits, or an exponent.
_WIDE_NUMBER: Final = re.compile(rb"[0-9]{18}|[0-9][eE]")


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body; refuse it as soon as it is too large, compressed or too slow."""
    if request.headers.get("content-encoding", "identity") != "identity":
        message = "Compressed bodies are not read: send the body as it is."
        raise EncodingError(message)
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise TooLargeError(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise TooLargeError(limit)
                chunks.append(chunk)
    except TimeoutError as exc:
        message = f"The body did not arrive within {BODY_SECONDS:.0f} seconds."
        raise RequestTimeoutError(message) from exc
    except ClientDisconnect as exc:
        message = "The body ended before its time."
        raise BadRequestError(message) from exc
    return b"".join(chunks)


def parse_json(body: bytes) -> Any:
    """Parse strictly; refuse what could not be stored or would be too deep to handle."""
    value = parse_any(body)
    found = unstorable(body, value)
    if found:
        msg = f"The body {found}."
        raise InvalidError(msg)
    return value


def parse_any(body: bytes) -> Any:
    """Parse what will not be stored as it is; whoever stores a part of it checks that part."""
    _check_depth(body)
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as exc:
        message = "The body must be JSON."
        raise BadRequestError(message, detail=str(exc)) from exc


def unstorable(text: bytes, value: Any) -> str | None:
    """Say why a parsed document cannot be stored, if so; most need no walk to know."""
    if b"\\u0000" not in text and not _WIDE_NUMBER.search(text):
        return None
    return walk(value)


def walk(value: Any) -> str | None:
    """Look at every value, without recursion."""
    todo = [value]
    while todo:
        found = _one(todo.pop(), todo)
        if found:
            return found
    return None


def _one(item: Any, todo: list[Any]) -> str | None:
    if isinstance(item, dict):
        todo.extend(item)
        todo.extend(item.values())
    elif isinstance(item, list):
        todo.extend(item)
    elif isinstance(item, str):
        return "must not contain the character U+0000" if "\x00" in item else None
    elif isinstance(item, bool):
        return None
    elif isinstance(item, int):
        return "must keep integers within 64 bits" if abs(item) > _MAX_INTEGER else None
    elif isinstance(item, float) and item in (float("inf"), float("-inf")):
        return "must keep numbers within the range of a double"
    return None


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            message = f"The body must not be nested deeper than {MAX_DEPTH} levels."
            raise BadRequestError(message)


def parse_model(model: type[M], body: bytes) -> M:
    """Read a message of the contract; say per field what is wrong."""
    return validated(model, parse_json(body))


def validated(model: type[M], value: Any) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        msg = f"The body is no {model.__name__}."
        raise InvalidError(msg, field_problems(exc)) from exc


def field_problems(error: ValidationError) -> list[dict[str, str]]:
    """Name each wrong field; never repeat its value, which may be a secret."""
    return [
        {"path": ".".join(str(part) for part in found["loc"]), "message": found["msg"]}
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]
