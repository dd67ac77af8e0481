"""KEDA is missing, arrives, speaks, and goes again; the operator is never restarted."""

from __future__ import annotations

import pytest

from headrace_contract.names import pool_name
from headrace_operator.model.resource import DEPLOYMENTS, SCALED_OBJECTS
from reconcile_fixtures import CRDS, install_keda, remove

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]

POOL = pool_name("essay", "writers")


async def test_without_keda_each_pool_runs_its_minimum_and_at_least_one(no_keda, place, op):
    await place.settle(op)
    await op.until_condition(place.pipeline_path, "ScalerReady", "False", "KedaMissing")
    path = DEPLOYMENTS.path(place.namespace, POOL)
    assert (await op.get(path))["spec"]["replicas"] == 1

    scaling = {"minReplicas": 3, "maxReplicas": 5}
    await op.apply(place.pipeline(pools=[{"name": "writers", "scaling": scaling}]))

    async def three() -> bool:
        return (await op.get(path))["spec"]["replicas"] == 3

    await op.until("three workers", three)

    merge = "application/merge-patch+json"
    await op.wire._send("PATCH", f"{path}/scale", body={"spec": {"replicas": 7}}, content=merge)
    await op.until("three workers again", three)


async def test_keda_that_arrives_later_is_taken_up(no_keda, place, op):
    await place.settle(op)
    await op.until_condition(place.pipeline_path, "ScalerReady", "False", "KedaMissing")

    await install_keda(op)

    path = SCALED_OBJECTS.path(place.namespace, POOL)
    scaled = await op.until("a ScaledObject", lambda: op.get(path))
    assert scaled["spec"]["triggers"][0]["type"] == "external-push"
    await op.until_condition(place.pipeline_path, "ScalerReady", "Unknown", "Progressing")
    replicas = (await op.get(DEPLOYMENTS.path(place.namespace, POOL)))["spec"]["replicas"]
    assert replicas == 1  # whoever works goes on; KEDA takes the count over

    says = {"status": {"conditions": [{"type": "Ready", "status": "True", "message": "ok"}]}}
    merge = "application/merge-patch+json"
    await op.wire._send("PATCH", f"{path}/status", body=says, content=merge)
    await op.until_condition(place.pipeline_path, "ScalerReady", "True", "ScalerReady")

    await op.wire._send(
        "PATCH",
        path,
        body={"metadata": {"annotations": {"autoscaling.keda.sh/paused": "true"}}},
        content=merge,
    )
    await op.until_condition(place.pipeline_path, "ScalerReady", "False", "ScalingPausedByUser")


async def test_keda_that_goes_leaves_fixed_pools(keda, place, op):
    await place.settle(op)
    path = DEPLOYMENTS.path(place.namespace, POOL)
    assert (await op.get(path))["spec"]["replicas"] == 0

    await remove(op.wire, f"{CRDS}/scaledobjects.keda.sh")

    await op.until_condition(place.pipeline_path, "ScalerReady", "False", "KedaMissing")

    async def one() -> bool:
        return (await op.get(path))["spec"]["replicas"] == 1

    await op.until("one worker", one)
