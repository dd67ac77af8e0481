"""What a worker and its child processes say to each other: JSON documents with their length."""

from __future__ import annotations

import json
import struct
from typing import Any, Final

HEAD: Final = struct.Struct(">I")
MAX_FRAME: Final = 16 * 1024 * 1024  # an output of 1 MiB, each character of it escaped, fits


class FrameTooLargeError(ValueError):
    """A frame is longer than either side will read."""


def pack(message: dict[str, Any]) -> bytes:
    """Write a message; raise ValueError or TypeError for what is no JSON."""
    body = json.dumps(message, allow_nan=False).encode()
    if len(body) > MAX_FRAME:
        msg = f"{len(body)} bytes are more than {MAX_FRAME}"
        raise FrameTooLargeError(msg)
    return HEAD.pack(len(body)) + body


def length(head: bytes) -> int:
    """Read the length that precedes a body."""
    (size,) = HEAD.unpack(head)
    if size > MAX_FRAME:
        msg = f"{size} bytes are more than {MAX_FRAME}"
        raise FrameTooLargeError(msg)
    return int(size)


def unpack(body: bytes) -> dict[str, Any]:
    message = json.loads(body)
    if not isinstance(message, dict):
        msg = "a frame must be an object"
        raise TypeError(msg)
    return message
