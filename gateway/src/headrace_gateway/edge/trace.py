"""W3C trace context: a caller's is kept, else one is made; each model call is a span of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace_gateway.clock import Chance

_FORM: Final = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")
_ZERO_TRACE: Final = "0" * 32
_ZERO_SPAN: Final = "0" * 16


def keep_or_make(given: str | None, chance: Chance) -> str:
    """Return the caller's traceparent if it can be used, else the start of a sampled trace."""
    found = _FORM.match(given or "")
    if found and given and usable(given[:2], found.group(1), found.group(2)):
        return given[:55]
    return f"00-{chance(16).hex()}-{chance(8).hex()}-01"


def usable(version: str, trace: str, span: str) -> bool:
    return version != "ff" and trace != _ZERO_TRACE and span != _ZERO_SPAN


def child(parent: str, chance: Chance) -> str:
    """Return the same trace with a new span."""
    found = _FORM.match(parent)
    if not found:
        return keep_or_make(None, chance)
    return f"00-{found.group(1)}-{chance(8).hex()}-{found.group(3)}"
