"""Leaving politely: steps that fit may end, the others are handed back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


async def drain(
    running: Collection[asyncio.Task[None]],
    interrupt: Callable[[], None],
    *,
    grace: float,
    hand_back: float,
) -> int:
    """Wait, then interrupt, then give up; return how many gave no answer at all."""
    if not running:
        return 0
    _, late = await asyncio.wait(running, timeout=grace)
    if not late:
        return 0
    interrupt()
    _, lost = await asyncio.wait(late, timeout=hand_back)
    for task in lost:  # their leases run out by themselves
        task.cancel()
    if lost:
        await asyncio.wait(lost)
    return len(lost)
