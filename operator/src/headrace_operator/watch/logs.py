"""One formatter for our own lines, kopf's and everybody else's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TextIO

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

FIELDS: Final = (
    "kind",
    "namespace",
    "object",
    "reason",
    "told",
    "uid",
    "epoch",
    "what",
    "count",
    "seconds",
)


def configure(stream: TextIO, level: str, style: str) -> None:
    """Write JSON unless a person's terminal reads it."""
    pretty = style == "console" or (style == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=FIELDS),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                last,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("kopf", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _name(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Call the object's name `name`, which a record of the standard library keeps for itself."""
    if "object" in event:
        event["name"] = event.pop("object")
    return event
