"""What the API server was last heard to hold; passes read from here and from nowhere else."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from headrace_contract.names import LABEL_PIPELINE, LABEL_TENANT
from headrace_operator.apply.trim import trim
from headrace_operator.model.resource import BY_KIND, OURS, PIPELINES, TENANTS, Key

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BURIED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One object, kept as text: a tenth of the memory of its dicts."""

    uid: str
    version: int
    text: bytes

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(self.text)
        return body


class Cache:
    """
    Objects by key, newest version wins, whoever brings it: a watch, a list, our own write.

    Every method says whether it was news; what is none costs no pass.
    """

    def __init__(self) -> None:
        self._kinds: defaultdict[str, dict[Key, Entry]] = defaultdict(dict)
        self._children: defaultdict[Key, set[Key]] = defaultdict(set)
        self._buried: dict[str, int | None] = {}
        """UIDs that were lost, and the version of that, where it is known."""

    def saw(self, body: Mapping[str, Any]) -> bool:
        """Keep an object unless something newer is known of it."""
        key, metadata = key_of(body), body["metadata"]
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        known = self._kinds[key.kind].get(key)
        if uid in self._buried and not self._risen(uid, version):
            return False  # an answer to our own write that came after its deletion
        if known is not None and known.uid == uid and known.version >= version:
            return False
        self._kinds[key.kind][key] = Entry(uid, version, orjson.dumps(trim(body)))
        owner = owner_of(body)
        if owner is not None:
            self._children[owner].add(key)
        return True

    def lost(self, key: Key, uid: str, version: int | None = None) -> bool:
        """Forget an object, as of a version if that is known; another one of the name stays."""
        self._bury(uid, version)
        known = self._kinds[key.kind].get(key)
        if known is None or known.uid != uid:
            return False
        owner = owner_of(known.body())
        del self._kinds[key.kind][key]
        if owner is not None:
            self._children[owner].discard(key)
            if not self._children[owner]:
                del self._children[owner]
        return True

    def entry(self, key: Key) -> Entry | None:
        return self._kinds[key.kind].get(key)

    def get(self, key: Key) -> dict[str, Any] | None:
        entry = self.entry(key)
        return None if entry is None else entry.body()

    def children(self, owner: Key) -> list[dict[str, Any]]:
        """Return what carries the label of a pipeline or tenant, in a stable order."""
        keys = sorted(self._children.get(owner, ()))
        return [self._kinds[key.kind][key].body() for key in keys]

    def of_kind(self, kind: str) -> list[tuple[Key, Entry]]:
        return list(self._kinds[kind].items())

    def count(self, kind: str) -> int:
        return len(self._kinds[kind])

    def _risen(self, uid: str, version: int) -> bool:
        """Say whether an object that had lost the label by which we watch it has it again."""
        lost_at = self._buried[uid]
        if lost_at is None or version <= lost_at:
            return False
        del self._buried[uid]
        return True

    def _bury(self, uid: str, version: int | None) -> None:
        self._buried[uid] = version
        while len(self._buried) > MOST_BURIED:
            del self._buried[next(iter(self._buried))]


def key_of(body: Mapping[str, Any]) -> Key:
    metadata = body["metadata"]
    return Key(body["kind"], metadata.get("namespace"), metadata["name"])


def owner_of(body: Mapping[str, Any]) -> Key | None:
    """Say which pipeline or tenant a child belongs to, by our labels; None for what users write."""
    if BY_KIND.get(body["kind"]) in OURS:
        return None
    labels = body["metadata"].get("labels") or {}
    name = labels.get(LABEL_PIPELINE)
    if name == "":
        return Key(TENANTS.kind, None, labels.get(LABEL_TENANT, ""))
    return None if name is None else Key(PIPELINES.kind, body["metadata"]["namespace"], name)
