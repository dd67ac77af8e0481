"""A provider's stream, cut into frames by bytes; only the frame with the usage is parsed."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic_core import from_json, to_json

from headrace_gateway.models.openai_compatible import Usage, usage_of

DONE: Final = b"data: [DONE]\n\n"
_FRAME: Final = re.compile(rb".*?(?:\r\n\r\n|\n\n|\r\r)", re.DOTALL)
_USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')
_FINISH: Final = re.compile(rb'"finish_reason"\s*:\s*"')
_ENDS: Final = (b"\n\n", b"\r\n\r\n")


class Frames:
    """Sorts what comes: most goes on at once, usage and the end wait until the call is recorded."""

    def __init__(self, *, keep_usage: bool) -> None:
        self._keep_usage = keep_usage
        self._rest = b""
        self._kept: list[bytes] = []
        self.size = 0
        self.usage = Usage()
        self.usage_frame: dict[str, Any] | None = None
        self.done = False
        self.finished = False
        self.error: bytes | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Take what came; return what goes on to the caller now."""
        self.size += len(chunk)
        # The usual chunk is one or more whole frames of content, and costs no copy.
        if not self._rest and chunk.endswith(_ENDS) and self._plain(chunk):
            self._keep(chunk)
            return chunk
        text = self._rest + chunk
        end = 0
        onward: list[bytes] = []
        for match in _FRAME.finditer(text):
            end = match.end()
            if self._goes_on(match.group()):
                onward.append(match.group())
        self._rest = text[end:]
        return b"".join(onward)

    @property
    def whole(self) -> bool:
        """Say whether the provider came to its end, with or without the words for it."""
        return self.error is None and (self.done or self.finished)

    def recorded(self) -> bytes:
        """Return all frames but the last one, as they came."""
        return b"".join(self._kept)

    def _plain(self, chunk: bytes) -> bool:
        return b"[DONE]" not in chunk and b'"error"' not in chunk and not _USAGE.search(chunk)

    def _keep(self, frame: bytes) -> None:
        self._kept.append(frame)
        self.finished = self.finished or _FINISH.search(frame) is not None

    def _goes_on(self, frame: bytes) -> bool:
        if frame.strip() == DONE.strip():
            self.done = True
            return False
        if self._plain(frame):
            self._keep(frame)
            return True
        value = frame_value(frame)
        if isinstance(value, dict) and value.get("error") and not value.get("choices"):
            self.error = to_json(value)
            return False
        self._keep(frame)
        return self._without_usage(value)

    def _without_usage(self, value: Any) -> bool:
        found = usage_of(value)
        if found is None:
            return True
        self.usage = found
        if value.get("choices"):
            return True  # usage rides on content here: it cannot be held back alone
        self.usage_frame = value
        return False

    def last(self, extra: dict[str, Any]) -> dict[str, Any] | None:
        """Return the usage frame with what we add, if the caller asked for it."""
        if not self._keep_usage or self.usage_frame is None:
            return None
        return {**self.usage_frame, **extra}


def frame_value(frame: bytes) -> Any:
    """Parse the data of a frame; None for a comment or what is no JSON."""
    data = b"".join(line[5:].strip() for line in frame.splitlines() if line.startswith(b"data:"))
    try:
        return from_json(data)
    except ValueError:
        return None


def values(frames: bytes) -> list[dict[str, Any]]:
    """Parse all frames."""
    whole = frames if frames.endswith(_ENDS) else frames + b"\n\n"
    found = (frame_value(match.group()) for match in _FRAME.finditer(whole))
    return [value for value in found if isinstance(value, dict)]


def text_of(frames: bytes) -> str:
    """Return the content that frames add, for those who watch a run."""
    parts: list[str] = []
    for value in values(frames):
        for choice in value.get("choices") or ():
            content = (choice.get("delta") or {}).get("content")
            if isinstance(content, str):
                parts.append(content)
    return "".join(parts)
