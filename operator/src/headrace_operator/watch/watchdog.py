"""The last resort against a watch that is silent: end the process, since a restart is cheap."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from headrace_operator.errors import GoneError, ReconcileError
from headrace_operator.watch.pulse import HOPELESS_AFTER

if TYPE_CHECKING:
    from headrace_operator.watch.probes import Health

LOOK_EVERY: Final = 5.0


class BlindError(Exception):
    """A watch heard nothing for minutes, although the API server answers."""


async def watchdog(health: Health) -> None:
    """Raise BlindError when kopf's own time-outs did not help."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        oldest = health.oldest()
        if oldest <= HOPELESS_AFTER or oldest == float("inf"):
            continue
        try:
            await health.ping()
        except (ReconcileError, GoneError):
            continue  # it is the API server that is away
        msg = f"a watch heard nothing for {oldest:.0f} s"
        raise BlindError(msg)
