"""Notices a kind that kopf overlooked: its discovery may lag behind the CRD's last event."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from headrace_operator.errors import GoneError, ReconcileError
from headrace_operator.model.resource import SCALED_OBJECTS

if TYPE_CHECKING:
    from headrace_operator.watch.probes import Health

log = logging.getLogger(__name__)
LOOK_EVERY: Final = 0.5
OVERLOOKED_AFTER: Final = 10.0


async def overlooked(health: Health, patience: float = OVERLOOKED_AFTER) -> set[str]:
    """Return once a watch has been missing for long although the API server answers."""
    missing: set[str] = set()
    looks = 0.0
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if not health.world.board.keda:
            health.pulse.forget(SCALED_OBJECTS.plural)
        now = health.pulse.unbegun(health.wanted())
        looks = looks + LOOK_EVERY if now and now <= (missing or now) else 0.0
        missing = now
        if looks < patience or not missing:
            continue
        try:
            await health.ping()
        except (ReconcileError, GoneError):
            looks = 0.0
            continue
        log.warning("A kind was overlooked; the watches begin anew.", extra={"what": str(missing)})
        return missing
