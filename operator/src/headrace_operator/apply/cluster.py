"""The API server as the operator needs it; dicts in, dicts out, our errors only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace_contract.names import (
    FIELD_MANAGER,
    FINALIZER,
    LABEL_MANAGED_BY,
    LABEL_PIPELINE,
    MANAGED_BY,
    REPLICAS_MANAGER,
)
from headrace_operator.errors import ConflictError, GoneError, RefusedError
from headrace_operator.model.resource import DEPLOYMENTS, OURS, PODS

if TYPE_CHECKING:
    from headrace_operator.apply.wire import Wire
    from headrace_operator.model.identity import Identity
    from headrace_operator.model.resource import Resource
    from headrace_operator.plan.stamp import Manifest

OUR_CHILDREN = f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_PIPELINE}"


class KubeCluster:
    """Server-side apply of objects, finalizers and status, and the reads of a resync."""

    def __init__(self, wire: Wire, namespaces: tuple[str, ...] = ()) -> None:
        self._wire = wire
        self._namespaces = namespaces

    async def apply(self, manifest: Manifest) -> dict[str, Any]:
        return await self._wire.apply(_path(manifest), manifest.body, FIELD_MANAGER)

    async def create_at(self, manifest: Manifest, replicas: int) -> tuple[dict[str, Any], bool]:
        """Create a Deployment with its count; return what is there, and whether we made it so."""
        body = {**manifest.body, "spec": {**manifest.body["spec"], "replicas": replicas}}
        try:
            return await self._wire.apply(_path(manifest), body, FIELD_MANAGER, force=False), True
        except ConflictError:
            # It lost the label that we watch it by, and whoever scales it owns the count.
            return await self._wire.get(_path(manifest)), False

    async def set_replicas(
        self, namespace: str, name: str, replicas: int, version: str | None = None
    ) -> dict[str, Any]:
        """Own the count and no other field of a Deployment, perhaps only of this very version."""
        metadata = {"name": name, "namespace": namespace}
        if version is not None:
            metadata["resourceVersion"] = version
        body = {
            "apiVersion": DEPLOYMENTS.api_version,
            "kind": DEPLOYMENTS.kind,
            "metadata": metadata,
            "spec": {"replicas": replicas},
        }
        return await self._wire.apply(DEPLOYMENTS.path(namespace, name), body, REPLICAS_MANAGER)

    async def delete(self, resource: Resource, namespace: str | None, name: str, uid: str) -> None:
        try:
            await self._wire.delete(resource.path(namespace, name), uid)
        except GoneError:
            return

    async def finalize(self, identity: Identity, *, present: bool) -> dict[str, Any] | None:
        """Put our finalizer on an object or take it off; None if the object is gone already."""
        body = _head(identity)
        if present:
            body["metadata"]["finalizers"] = [FINALIZER]
        path = identity.resource.path(identity.namespace, identity.name)
        try:
            return await self._wire.apply(path, body, FIELD_MANAGER)
        except GoneError:
            return None
        except RefusedError as exc:
            if "metadata.uid" not in str(exc):
                raise
            # So the API server says that it holds another object of the name by now.
            raise ConflictError(str(exc)) from exc

    async def apply_status(self, identity: Identity, status: dict[str, Any]) -> dict[str, Any]:
        """Write a status; raise if it went to an object that was made anew under the name."""
        path = identity.resource.path(identity.namespace, identity.name) + "/status"
        body = {**_head(identity), "status": status}
        answer = await self._wire.apply(path, body, FIELD_MANAGER)
        # The status subresource takes its metadata from what is stored, so it compares no UID;
        # the new object's own pass writes over what it got here.
        if answer["metadata"]["uid"] != identity.uid:
            msg = "another object has the name now"
            raise ConflictError(msg)
        return answer

    async def listing(self, resource: Resource) -> list[dict[str, Any]]:
        """List what users wrote of a kind, or what we made of it."""
        selector = None if resource in OURS else OUR_CHILDREN
        if not self._namespaces or not resource.namespaced:
            return await self._wire.list(resource.path(), selector)
        pages = [await self._wire.list(resource.path(one), selector) for one in self._namespaces]
        return [item for page in pages for item in page]

    async def pods(self, namespace: str, pipeline: str) -> list[dict[str, Any]]:
        return await self._wire.list(PODS.path(namespace), f"{LABEL_PIPELINE}={pipeline}")

    async def ping(self) -> None:
        """Raise unless the API server answers."""
        await self._wire.get("/version")

    async def serves(self, resource: Resource) -> bool:
        """Say whether the API server knows a kind."""
        try:
            known = await self._wire.get(resource.root)
        except GoneError:
            return False
        return any(one["name"] == resource.plural for one in known.get("resources") or ())


def _path(manifest: Manifest) -> str:
    return manifest.resource.path(manifest.namespace, manifest.name)


def _head(identity: Identity) -> dict[str, Any]:
    """Name an object by its UID too: one that was made anew under the name is refused as 409."""
    metadata: dict[str, Any] = {"name": identity.name, "uid": identity.uid}
    if identity.namespace is not None:
        metadata["namespace"] = identity.namespace
    resource = identity.resource
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
