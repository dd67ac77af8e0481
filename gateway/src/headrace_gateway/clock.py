"""Time and chance, handed in: only `__main__` and tests decide what they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime

Chance = Callable[[int], bytes]
"""Return this many random bytes (`os.urandom`)."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What the time is, and how much of it went by."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic


def uuid7(now: datetime, chance: Chance) -> UUID:
    """Make an id that sorts by time, so that young rows lie together in the ledger's index."""
    milliseconds = int(now.timestamp() * 1000)
    random = int.from_bytes(chance(10), "big")
    value = (milliseconds & (2**48 - 1)) << 80
    value |= 0x7 << 76 | (random >> 68) << 64
    value |= 0b10 << 62 | random & (2**62 - 1)
    return UUID(int=value)


def fraction(chance: Chance) -> float:
    """Return a number in [0, 1)."""
    return int.from_bytes(chance(6), "big") / 2**48
