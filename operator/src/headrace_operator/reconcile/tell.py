"""The one write of a status at the end of a pass, unless it says nothing new."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from headrace_operator.errors import GoneError
from headrace_operator.status.notes import notes
from headrace_operator.status.writing import due

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from headrace_operator.model.identity import Identity
    from headrace_operator.reconcile.world import World

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def tell(
    about: Identity, old: Mapping[str, Any], new: dict[str, Any], world: World
) -> timedelta | None:
    """Write a status if it is due; return when to look again if it is not yet."""
    now = world.now()
    since = now - world.board.written.get(about.key, LONG_AGO)
    wait = due(old, new, since, world.between_counts)
    if wait is None or wait:
        return wait
    try:
        world.cache.saw(await world.cluster.apply_status(about, new))
    except GoneError:
        return None
    world.board.written[about.key] = now
    for note in notes(old, new):
        await world.recorder.record(about, note.type, (note.reason, note.message), now)
    return None


def sooner(*waits: timedelta | None) -> timedelta | None:
    """Return the shortest of some waits; None means never."""
    return min((wait for wait in waits if wait is not None), default=None)
