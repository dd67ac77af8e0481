"""Who an object is, readable even when its spec is nonsense."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from headrace_contract.names import FINALIZER, SKIP_CLEANUP
from headrace_operator.model.resource import Key, resource_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace_operator.model.resource import Resource


@dataclass(frozen=True, slots=True)
class Identity:
    """The part of `metadata` that the operator acts on."""

    resource: Resource
    namespace: str | None
    name: str
    uid: str
    generation: int
    created_at: datetime
    deleted_at: datetime | None
    finalized: bool
    """Whether our finalizer is on it."""
    skip_cleanup: bool

    @property
    def key(self) -> Key:
        return Key(self.resource.kind, self.namespace, self.name)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """Read a body as the API server sent it."""
        meta = body["metadata"]
        deleted = meta.get("deletionTimestamp")
        return cls(
            resource=resource_of(dict(body)),
            namespace=meta.get("namespace"),
            name=meta["name"],
            uid=meta["uid"],
            generation=meta.get("generation", 0),
            created_at=instant(meta["creationTimestamp"]),
            deleted_at=instant(deleted) if deleted else None,
            finalized=FINALIZER in (meta.get("finalizers") or ()),
            skip_cleanup=(meta.get("annotations") or {}).get(SKIP_CLEANUP) == "true",
        )


def instant(text: str) -> datetime:
    """Read a time of the API server's, with or without a fraction of a second."""
    return datetime.fromisoformat(text)
