"""What was heard becomes a key; nobody asks what changed, only whether it was news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace_operator.reconcile.cache import key_of, owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from headrace_operator.model.resource import Key
    from headrace_operator.reconcile.world import World


def hear(body: Mapping[str, Any], world: World, *, gone: bool) -> None:
    """
    Make due who must look: the object's own key, or its pipeline's.

    What is heard of a key during its own pass waits until that pass ends. Most of it echoes the
    pass's own writes, and once their answers are known it is no news.
    """
    due = owner_of(body) or key_of(body)
    if world.queue.busy(due):
        world.board.heard.setdefault(due, []).append((body, gone))
    else:
        _take_in(body, due, world, gone=gone)


def catch_up(due: Key, world: World) -> None:
    """Take in what was heard of a key during the pass that ends now."""
    for body, gone in world.board.heard.pop(due, ()):
        _take_in(body, due, world, gone=gone)


def _take_in(body: Mapping[str, Any], due: Key, world: World, *, gone: bool) -> None:
    if gone:
        about = body["metadata"]
        news = world.cache.lost(key_of(body), about["uid"], int(about["resourceVersion"]))
    else:
        news = world.cache.saw(body)
    if news:
        world.queue.add(due)
