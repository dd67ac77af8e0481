"""A namespace, a tenant and a provider of each test's own, and an operator for them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import operating
from headrace_operator.apply.testing import MemoryLedger
from headrace_operator.errors import GoneError
from headrace_operator.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from apiserver import ApiServer

SCALED_OBJECTS_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {
            "kind": "ScaledObject",
            "listKind": "ScaledObjectList",
            "plural": "scaledobjects",
            "singular": "scaledobject",
        },
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True)
class Place:
    """Names that no other test uses."""

    namespace: str
    apiserver: Any

    @property
    def kubeconfig(self) -> Any:
        return self.apiserver.kubeconfig

    @property
    def pipeline_path(self) -> str:
        return f"{operating.GROUP}/namespaces/{self.namespace}/agentpipelines/essay"

    def children_path(self, group: str, plural: str) -> str:
        root = f"/apis/{group}" if "/" in group else f"/api/{group}"
        return f"{root}/namespaces/{self.namespace}/{plural}"

    def tenant(self, **changes: Any) -> dict[str, Any]:
        return operating.tenant(self.namespace, (self.namespace,), **changes)

    def provider(self, **changes: Any) -> dict[str, Any]:
        return operating.provider(self.namespace, **changes)

    def pipeline(self, **changes: Any) -> dict[str, Any]:
        models = [{"class": "small", "providerRef": {"name": self.namespace}}]
        return operating.pipeline("essay", self.namespace, **({"models": models} | changes))

    async def settle(self, op: operating.Running) -> None:
        """Apply all three and wait until the pipeline is accepted and nothing more is done."""
        await op.apply(self.tenant())
        await op.apply(self.provider())
        await op.apply(self.pipeline())
        await op.until_condition(self.pipeline_path, "Accepted", "True")
        await op.until_quiet()


@pytest_asyncio.fixture(loop_scope="module")
async def place(apiserver: ApiServer) -> AsyncIterator[Place]:
    """Make a namespace, and take everything away again without any operator's help."""
    name = f"team-{secrets.token_hex(3)}"
    wire = await operating.wire_to(apiserver.kubeconfig, Metrics())
    await wire.post("/api/v1/namespaces", {"metadata": {"name": name}})
    yield Place(name, apiserver)
    group = operating.GROUP
    for path in (
        f"{group}/namespaces/{name}/agentpipelines",
        f"{group}/agenttenants",
        f"{group}/modelproviders",
    ):
        for one in await wire.list(path):
            await remove(wire, f"{path}/{one['metadata']['name']}")
    await remove(wire, f"/api/v1/namespaces/{name}")
    await wire.close()


async def remove(wire: Any, path: str) -> None:
    """Delete an object and whatever finalizer keeps it."""
    with contextlib.suppress(GoneError):
        body = await wire.get(path)
        finalized = body["metadata"].get("finalizers")
        await wire._send("DELETE", path, body={"propagationPolicy": "Background"})
        if finalized and body["kind"] != "Namespace":
            patch = {"metadata": {"finalizers": None}}
            await wire._send("PATCH", path, body=patch, content="application/merge-patch+json")
        if body["kind"] == "CustomResourceDefinition":
            while True:  # one that is being deleted must not be taken for a new one
                await wire.get(path)
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def op(apiserver: ApiServer, ledger: MemoryLedger) -> AsyncIterator[operating.Running]:
    """Run one operator for all tests of a module, since the framework takes 5 s to leave."""
    async with operating.running(apiserver.kubeconfig, ledger) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def keda(op: operating.Running) -> None:
    """Let the API server know ScaledObjects, and the operator know that; nobody scales by them."""
    await install_keda(op)

    async def seen() -> bool:
        return op.world.board.keda

    await op.until("KEDA is seen", seen)


@pytest_asyncio.fixture(loop_scope="module")
async def no_keda(op: operating.Running) -> None:
    async def watched() -> bool:
        return not op.health.pulse.unbegun(op.health.wanted())

    # A kind that goes between the framework's first list of it and its watch blinds the framework
    # for good; the watchdog then ends the process after three minutes, which a test cannot await.
    await op.until("every kind is watched", watched)
    await remove(op.wire, f"{CRDS}/scaledobjects.keda.sh")

    async def unseen() -> bool:
        return not op.world.board.keda

    await op.until("KEDA is not seen", unseen)


async def install_keda(op: operating.Running) -> None:
    """Return when ScaledObjects are served."""
    await op.wire.apply(f"{CRDS}/scaledobjects.keda.sh", SCALED_OBJECTS_CRD, "kubectl")

    async def served() -> bool:
        await op.wire.list("/apis/keda.sh/v1alpha1/scaledobjects")
        groups = (await op.wire.get("/apis"))["groups"]
        known = await op.wire.get("/apis/keda.sh/v1alpha1")
        return bool(known["resources"]) and "keda.sh" in {one["name"] for one in groups}

    await op.until("ScaledObjects are served", served)
    # The framework looks once for each event of a CRD, and discovery may lag behind the last one;
    # an operator then looks again after ten seconds, which ends the tasks of a test with it.
    noted = {"annotations": {"tests/discovered": secrets.token_hex(3)}}
    crd = {**SCALED_OBJECTS_CRD, "metadata": {**SCALED_OBJECTS_CRD["metadata"], **noted}}
    await op.wire.apply(f"{CRDS}/scaledobjects.keda.sh", crd, "kubectl")
