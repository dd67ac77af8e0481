"""A restart costs reads, and not one write."""

from __future__ import annotations

import pytest

import operating
from headrace_operator.apply.testing import MemoryLedger
from headrace_operator.model.resource import CHILDREN
from reconcile_fixtures import install_keda

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]


async def test_a_restart_writes_nothing(place):
    ledger = MemoryLedger()
    async with operating.running(place.kubeconfig, ledger) as first:
        await install_keda(first)
        await place.settle(first)
        await first.until_condition(place.pipeline_path, "ScalerReady", "Unknown")
        await first.until_quiet()
        before = await versions(place, first)

    async with operating.running(place.kubeconfig, ledger, holder="again") as second:
        await second.until_quiet()
        assert second.world.cache.count("AgentPipeline") == 1
        assert second.writes() == 0
        assert await versions(place, second) == before

    calls = [one for one in ledger.calls if one.startswith("put")]
    assert calls.count("put_pipeline") >= 2  # the ledger is told once more, which changes nothing


async def versions(place, op) -> dict[str, str]:
    bodies = [
        await op.get(place.pipeline_path),
        await op.get(operating.path_of(place.tenant())),
        await op.get(operating.path_of(place.provider())),
    ]
    for resource in CHILDREN:
        bodies += await op.items(resource.path(place.namespace), "headrace.dev/pipeline")
    return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in bodies}
