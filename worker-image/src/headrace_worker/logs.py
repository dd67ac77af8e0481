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


_encode: Final = json.JSONEncoder(default=str).encode


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

    _at: int = -1
    _second: str = ""

    def format(self, record: logging.LogRecord) -> str:
        if int(record.created) != self._at:
            self._at = int(record.created)
            self._second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self._at))
        line: dict[str, Any] = {
            "time": f"{self._second}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({k: v for k, v in record.__dict__.items() if k not in _PLAIN})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


def look_up_less() -> None:
    """Spare each line what no line of ours says: who called, in which thread and process.

    As logging's own documentation turns it off; for a process whose every line is ours.
    """
    logging._srcfile = None  # noqa: SLF001 -- the documented switch
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


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
