"""What is refused before it reaches SQL, so that no item of a batch can raise there.

PostgreSQL has no place for NUL in a text, for lone surrogates, or for numbers beyond its types.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Protocol

MAX_DOCUMENT: Final = 64 * 1024 * 1024
"""Bytes of one document; the doors in front of the ledger allow far less."""
MAX_NAME: Final = 2048
"""Bytes of what is part of a key: a B-tree entry has 2,704 at most."""
_MAX_BIGINT: Final = 2**63 - 1
_KEYS: Final = frozenset(
    {"tenant", "idempotency_key", "pipeline_uid", "digest", "request_id", "worker", "step"}
)


class Record(Protocol):
    """Any of the frozen dataclasses in `records` and `declared`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def flaw(item: Record) -> str | None:
    """Say why this record cannot be stored; None if it can."""
    for name in item.__dataclass_fields__:
        reason = _flaw_of(name, getattr(item, name))
        if reason is not None:
            return f"{name}: {reason}"
    return None


def _flaw_of(name: str, value: object) -> str | None:
    match value:
        case str():
            return _flaw_of_text(value, MAX_NAME if name in _KEYS else MAX_DOCUMENT)
        case bytes() if len(value) > MAX_DOCUMENT:
            return f"longer than {MAX_DOCUMENT} bytes"
        case int() if not -_MAX_BIGINT <= value <= _MAX_BIGINT:
            return "out of range"
        case float() if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 -- NaN
            return "not a number"
        case tuple():
            return next((r for r in (_flaw_of(name, v) for v in value) if r is not None), None)
        case _:
            return None


def _flaw_of_text(value: str, limit: int) -> str | None:
    if "\0" in value:
        return "holds NUL"
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        return "is not Unicode text"
    return f"longer than {limit} bytes" if size > limit else None
