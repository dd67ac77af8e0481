"""Log lines as JSON: a constant sentence and fields, never a prompt, an answer or a secret."""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Final, TextIO

# What logging itself puts on a record; everything else came with `extra`.
_PLAIN: Final = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}


class Facts(logging.Filter):
    """Adds what is being worked on to every line of a process that does one thing at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.now: dict[str, Any] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in self.now.items():
            setattr(record, name, value)
        return True


class JsonLines(logging.Formatter):
    """One object a line; structlog would say the same after 60 ms more of import."""

    def format(self, record: logging.LogRecord) -> str:
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{second}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({k: v for k, v in record.__dict__.items() if k not in _PLAIN})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up(stream: TextIO, facts: Facts | None = None, level: int = logging.INFO) -> None:
    """Send every line of this process to one stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    if facts is not None:
        handler.addFilter(facts)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # These tell of each request, with its address.
    for noisy in ("httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
