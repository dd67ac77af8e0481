"""
Fakes that ship: an API server in memory, and beside it the ledger's rows.

`MemoryCluster` knows owners of fields just well enough for what the operator does: what a manager
no longer applies goes away, what another one owns stays. The real one sits the same exam.
"""

# ruff: noqa: ARG002 -- a fake takes what its port says, and needs less of it
from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace_contract.names import FIELD_MANAGER, FINALIZER, REPLICAS_MANAGER
from headrace_operator.apply.memory_ledger import MemoryLedger
from headrace_operator.errors import ConflictError, GoneError
from headrace_operator.model.resource import DEPLOYMENTS, OURS

if TYPE_CHECKING:
    from headrace_operator.errors import ReconcileError
    from headrace_operator.model.identity import Identity
    from headrace_operator.model.resource import Resource
    from headrace_operator.plan.stamp import Manifest

__all__ = ["MemoryCluster", "MemoryLedger", "Stored"]

Body = dict[str, Any]
Place = tuple[str, str | None, str]
CREATED = "2026-01-01T00:00:00Z"


@dataclass
class Stored:
    """An object, and what each manager applied of it."""

    uid: str
    version: int
    generation: int
    applied: dict[str, Body] = field(default_factory=dict)
    status: Body = field(default_factory=dict)
    deleted_at: str | None = None


class MemoryCluster:
    """An API server in memory; `failures` are raised by the writes that come next."""

    def __init__(self) -> None:
        self._objects: dict[Place, Stored] = {}
        self._ids = itertools.count(1)
        self.failures: list[ReconcileError] = []
        self.writes: list[str] = []
        self.unserved: set[str] = set()
        self.pod_bodies: list[Body] = []

    # ---- what people do

    def user_applies(self, body: Body) -> Body:
        """Create an object or change it, as kubectl does."""
        return self._apply(body, "kubectl")

    def user_deletes(self, kind: str, namespace: str | None, name: str) -> None:
        stored = self._objects[kind, namespace, name]
        if self._merged(kind, namespace, name)["metadata"].get("finalizers"):
            stored.deleted_at = CREATED
            stored.version = next(self._ids)
        else:
            del self._objects[kind, namespace, name]

    def find(self, kind: str, namespace: str | None, name: str) -> Body | None:
        there = (kind, namespace, name) in self._objects
        return self._merged(kind, namespace, name) if there else None

    # ---- what the operator does

    async def apply(self, manifest: Manifest) -> Body:
        self._write("apply", manifest.resource.kind)
        return self._apply(manifest.body, FIELD_MANAGER)

    async def create_at(self, manifest: Manifest, replicas: int) -> tuple[Body, bool]:
        self._write("create", manifest.resource.kind)
        there = self.find(manifest.resource.kind, manifest.namespace, manifest.name)
        if there is not None and there["spec"]["replicas"] != replicas:
            return there, False
        body = {**manifest.body, "spec": {**manifest.body["spec"], "replicas": replicas}}
        return self._apply(body, FIELD_MANAGER), True

    async def set_replicas(
        self, namespace: str, name: str, replicas: int, version: str | None = None
    ) -> Body:
        self._write("replicas", DEPLOYMENTS.kind)
        stored = self._objects[DEPLOYMENTS.kind, namespace, name]
        if version not in {None, str(stored.version)}:
            msg = "the object has been modified"
            raise ConflictError(msg)
        for applied in stored.applied.values():  # whoever owned another count owns none now
            if applied["spec"].get("replicas") not in {None, replicas}:
                del applied["spec"]["replicas"]
        body = {
            "apiVersion": DEPLOYMENTS.api_version,
            "kind": DEPLOYMENTS.kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": replicas},
        }
        return self._apply(body, REPLICAS_MANAGER)

    async def delete(self, resource: Resource, namespace: str | None, name: str, uid: str) -> None:
        self._write("delete", resource.kind)
        stored = self._objects.get((resource.kind, namespace, name))
        if stored is None:
            return
        if stored.uid != uid:
            msg = "the UID in the precondition does not match"
            raise ConflictError(msg)
        self.user_deletes(resource.kind, namespace, name)

    async def finalize(self, identity: Identity, *, present: bool) -> Body | None:
        self._write("finalize", identity.resource.kind)
        place = identity.resource.kind, identity.namespace, identity.name
        stored = self._found(place, identity)
        if stored is None:
            return None
        finalizers = {"metadata": {"finalizers": [FINALIZER]}} if present else {}
        stored.applied[FIELD_MANAGER] = finalizers
        stored.version = next(self._ids)
        body = self._merged(*place)
        if stored.deleted_at and not body["metadata"].get("finalizers"):
            del self._objects[place]
        return body

    async def apply_status(self, identity: Identity, status: Body) -> Body:
        self._write("status", identity.resource.kind)
        place = identity.resource.kind, identity.namespace, identity.name
        stored = self._found(place, identity)
        if stored is None:
            msg = f"{identity.key} not found"
            raise GoneError(msg)
        if stored.status != status:
            stored.status = copy.deepcopy(status)
            stored.version = next(self._ids)
        return self._merged(*place)

    async def listing(self, resource: Resource) -> list[Body]:
        places = [place for place in self._objects if place[0] == resource.kind]
        return [self._merged(*place) for place in places]

    async def pods(self, namespace: str, pipeline: str) -> list[Body]:
        return self.pod_bodies

    async def serves(self, resource: Resource) -> bool:
        return resource.kind not in self.unserved

    # ---- inside

    def _write(self, verb: str, kind: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.writes.append(f"{verb} {kind}")

    def _found(self, place: Place, identity: Identity) -> Stored | None:
        stored = self._objects.get(place)
        if stored is not None and stored.uid != identity.uid:
            msg = "the UID does not match"
            raise ConflictError(msg)
        return stored

    def _apply(self, body: Body, manager: str) -> Body:
        metadata = body["metadata"]
        place = body["kind"], metadata.get("namespace"), metadata["name"]
        stored = self._objects.get(place)
        if stored is None:
            number = next(self._ids)
            stored = self._objects[place] = Stored(f"uid-{number}", number, 1)
            stored.applied[manager] = copy.deepcopy(body)
            return self._merged(*place)
        before = self._merged(*place)
        stored.applied[manager] = copy.deepcopy(body)
        stored.applied[manager] = stored.applied.pop(manager)  # the last one to write wins
        after = self._merged(*place)
        if after.get("spec") != before.get("spec"):
            stored.generation += 1
        if after != before:
            stored.version = next(self._ids)
        return self._merged(*place)

    def _merged(self, kind: str, namespace: str | None, name: str) -> Body:
        stored = self._objects[kind, namespace, name]
        body: Body = {}
        for applied in stored.applied.values():
            _merge(body, applied)
        resource = next((one for one in OURS if one.kind == kind), None)
        if resource is not None:
            body |= {"kind": kind, "apiVersion": resource.api_version}
        body.setdefault("metadata", {}).update(
            name=name,
            uid=stored.uid,
            resourceVersion=str(stored.version),
            generation=stored.generation,
            creationTimestamp=CREATED,
            **({"namespace": namespace} if namespace else {}),
            **({"deletionTimestamp": stored.deleted_at} if stored.deleted_at else {}),
        )
        if stored.status:
            body["status"] = copy.deepcopy(stored.status)
        if kind == DEPLOYMENTS.kind:
            body["spec"].setdefault("replicas", 1)
            body["metadata"]["managedFields"] = _owners_of_count(stored)
        return body


def _owners_of_count(stored: Stored) -> list[Body]:
    count: Body = {"operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    owners = [who for who, applied in stored.applied.items() if "replicas" in applied["spec"]]
    return [{"manager": who, **count} for who in owners]


def _merge(into: Body, other: Body) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)
