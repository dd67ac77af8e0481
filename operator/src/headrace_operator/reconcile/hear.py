"""What was heard becomes a key; nobody asks what changed, only whether it was news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_operator.reconcile.cache import key_of, owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from headrace_operator.reconcile.world import World


def hear(body: Mapping[str, Any], world: World, *, gone: bool) -> None:
    """Make due who must look: the object's own key, or its pipeline's."""
    key = key_of(body)
    news = world.cache.lost(key, body["metadata"]["uid"]) if gone else world.cache.saw(body)
    if news:
        world.queue.add(owner_of(body) or key)
