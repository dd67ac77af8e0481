"""Events become keys: each handler hands over, and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kopf

from headrace_operator.model.resource import CHILDREN, OURS
from headrace_operator.reconcile.hear import hear

if TYPE_CHECKING:
    from headrace_operator.model.resource import Resource
    from headrace_operator.reconcile.world import World


def register(registry: kopf.OperatorRegistry, world: World) -> None:
    """Turn every event about what users write, and about what we made, into a key."""
    for resource in (*OURS, *CHILDREN):
        _listen(resource, registry, world)


def _listen(resource: Resource, registry: kopf.OperatorRegistry, world: World) -> None:
    @kopf.on.event(
        resource.group,
        resource.version,
        resource.plural,
        registry=registry,
        id=resource.plural,
    )
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        # A deletion must leave the cache; that is all the type of an event is good for.
        hear(dict(event["object"]), world, gone=event["type"] == "DELETED")
