"""
The objects of the fake API server: versions, owners of fields, patches and the log of events.

It knows as much of Kubernetes as B1's two operators use, and gives both the same: every answer and
event carries `managedFields`, an apply removes what its manager no longer applies and refuses what
another one owns unless forced, a stale resourceVersion is a conflict. It has no defaults, no
admission, and takes every list as a whole; nothing is proved on it.
"""

from __future__ import annotations

import copy
import json
import uuid
from dataclasses import dataclass, field
from typing import NamedTuple

from b1_patches import (
    Body,
    Leaf,
    Refusal,
    drop_at,
    follow_step,
    leaves_of,
    merge_patch,
    part_of,
    put_at,
    value_at,
)

CREATED = "2026-01-01T00:00:00Z"


class Owner(NamedTuple):
    """A field manager at one endpoint, and whether it applies or updates."""

    name: str
    operation: str
    subresource: str = ""


class Event(NamedTuple):
    """One line of a watch."""

    version: int
    kind: str
    namespace: str | None
    labels: dict[str, str]
    line: bytes


@dataclass
class Stored:
    """An object, the leaves that each manager owns, and its bytes."""

    body: Body
    owners: dict[Owner, set[Leaf]] = field(default_factory=dict)
    text: bytes = b""


@dataclass
class Change:
    """One write: what it sends, in whose name, and of which part."""

    manager: str
    subresource: str = ""
    force: bool = False


Place = tuple[str, str | None, str]
"""Kind, namespace and name."""


class Store:
    """Every object, and everything that ever happened to one."""

    def __init__(self) -> None:
        self.version = 0
        self.objects: dict[Place, Stored] = {}
        self.log: list[Event] = []

    def create(self, place: Place, sent: Body, change: Change) -> bytes:
        if place in self.objects:
            raise Refusal(409, f"{place[0]} '{place[2]}' already exists")
        stored = Stored({"metadata": {}})
        body = {k: v for k, v in sent.items() if k != "status"}
        return self._write(place, stored, body, Owner(change.manager, "Update"))

    def replace(self, place: Place, sent: Body, change: Change) -> bytes:
        stored = self._found(place, sent)
        body = part_of(stored.body, sent, change.subresource)
        return self._write(place, stored, body, Owner(change.manager, "Update", change.subresource))

    def merge(self, place: Place, patch: Body, change: Change) -> bytes:
        stored = self._found(place, patch)
        merged = merge_patch(stored.body, patch)
        body = part_of(stored.body, merged, change.subresource)
        return self._write(place, stored, body, Owner(change.manager, "Update", change.subresource))

    def edit(self, place: Place, steps: list[Body], change: Change) -> bytes:
        """Follow a JSON patch; a test that fails refuses all of it."""
        stored = self._found(place, {})
        edited = copy.deepcopy(stored.body)
        for step in steps:
            follow_step(edited, step)
        body = part_of(stored.body, edited, change.subresource)
        return self._write(place, stored, body, Owner(change.manager, "Update", change.subresource))

    def apply(self, place: Place, sent: Body, change: Change) -> bytes:
        """Own what is sent and let go of what is no longer sent."""
        owner = Owner(change.manager, "Apply", change.subresource)
        if place not in self.objects:
            if change.subresource or sent["metadata"].get("uid"):
                raise Refusal(404 if change.subresource else 409, "metadata.uid: no such object")
            return self._write(place, Stored({"metadata": {}}), sent, owner)
        # Like the real one, the status subresource compares no UID.
        stored = self._found(place, {} if change.subresource else sent)
        wanted = dict(leaves_of({"status": sent["status"]} if change.subresource else sent))
        before = stored.owners.get(owner, set())
        others = [leaves for who, leaves in stored.owners.items() if who != owner]
        if not change.force:
            self._refuse_conflicts(stored, wanted, others)
        body = copy.deepcopy(stored.body)
        for leaf in before - wanted.keys():
            if not any(leaf in leaves for leaves in others):
                drop_at(body, leaf)
        for leaf, value in wanted.items():
            if value != {} or not isinstance(value_at(body, leaf), dict):
                put_at(body, leaf, value)
        return self._write(place, stored, body, owner, set(wanted))

    def delete(self, place: Place, sent: Body) -> bytes:
        uid = (sent.get("preconditions") or {}).get("uid")
        stored = self._found(place, {"metadata": {"uid": uid}} if uid else {})
        if stored.body["metadata"].get("finalizers"):
            body = copy.deepcopy(stored.body)
            body["metadata"]["deletionTimestamp"] = CREATED
            return self._write(place, stored, body, Owner("", "Update"))
        return self._remove(place, stored)

    # ---- inside

    def _found(self, place: Place, sent: Body) -> Stored:
        stored = self.objects.get(place)
        if stored is None:
            raise Refusal(404, f"{place[0]} '{place[2]}' not found")
        said, known = sent.get("metadata") or {}, stored.body["metadata"]
        for name in ("uid", "resourceVersion"):
            if said.get(name) and said[name] != known[name]:
                raise Refusal(409, f"metadata.{name}: the object has been modified")
        return stored

    @staticmethod
    def _refuse_conflicts(stored: Stored, wanted: Body, others: list[set[Leaf]]) -> None:
        for leaf, value in wanted.items():
            if any(leaf in leaves for leaves in others) and value_at(stored.body, leaf) != value:
                raise Refusal(409, f"Apply failed with a conflict: {'.'.join(leaf)}")

    def _write(
        self,
        place: Place,
        stored: Stored,
        body: Body,
        owner: Owner,
        applied: set[Leaf] | None = None,
    ) -> bytes:
        """Store what an object is now; no event if that is what it was."""
        old, new = dict(leaves_of(stored.body)), dict(leaves_of(body))
        changed = {leaf for leaf, value in new.items() if old.get(leaf, Store) != value}
        owners = {
            who: kept
            for who, leaves in stored.owners.items()
            if (kept := leaves & new.keys() - (changed if who != owner else set()))
        }
        if applied is not None:
            owners[owner] = applied
        elif changed or stored.text == b"":
            owners[owner] = owners.get(owner, set()) | changed
        known = stored.body["metadata"]
        going = body["metadata"].get("deletionTimestamp")
        same = (old, owners, known.get("deletionTimestamp")) == (new, stored.owners, going)
        if place in self.objects and same:
            return stored.text
        self.version += 1
        spec_changed = body.get("spec") != stored.body.get("spec")
        body["metadata"] = {
            **body["metadata"],
            "name": place[2],
            **({"namespace": place[1]} if place[1] else {}),
            "uid": known.get("uid") or str(uuid.uuid4()),
            "creationTimestamp": CREATED,
            "generation": known.get("generation", 0) + (spec_changed or not known),
            "resourceVersion": str(self.version),
            "managedFields": [_entry(who, leaves) for who, leaves in owners.items()],
        }
        kind = "MODIFIED" if place in self.objects else "ADDED"
        stored.body, stored.owners = body, owners
        if body["metadata"].get("deletionTimestamp") and not body["metadata"].get("finalizers"):
            return self._remove(place, stored)
        self.objects[place] = stored
        return self._tell(kind, place, stored)

    def _remove(self, place: Place, stored: Stored) -> bytes:
        self.objects.pop(place, None)
        self.version += 1
        stored.body["metadata"]["resourceVersion"] = str(self.version)
        return self._tell("DELETED", place, stored)

    def _tell(self, kind: str, place: Place, stored: Stored) -> bytes:
        stored.text = json.dumps(stored.body, separators=(",", ":")).encode()
        line = b'{"type":"%b","object":%b}\n' % (kind.encode(), stored.text)
        labels = stored.body["metadata"].get("labels") or {}
        self.log.append(Event(self.version, place[0], place[1], labels, line))
        return stored.text


def _entry(owner: Owner, leaves: set[Leaf]) -> Body:
    fields: Body = {}
    for leaf in leaves:
        inner = fields
        for key in leaf:
            inner = inner.setdefault(f"f:{key}", {})
    return {
        "manager": owner.name,
        "operation": owner.operation,
        "apiVersion": "v1",
        "time": CREATED,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **({"subresource": owner.subresource} if owner.subresource else {}),
    }
