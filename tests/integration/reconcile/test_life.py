"""A pipeline is made, changed and deleted; a real API server keeps the books."""

from __future__ import annotations

import json

import pytest

from headrace_contract.names import pipeline_name, pool_name
from headrace_contract.resources.agent_pipeline import Backlog
from headrace_operator.errors import GoneError
from headrace_operator.model.counted import Counted
from headrace_operator.reconcile.resync import resync

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]

POOL = pool_name("essay", "writers")
ONCE = pipeline_name("essay")
CHILDREN = {
    "serviceaccounts": ("v1", ONCE),
    "configmaps": ("v1", ONCE),
    "networkpolicies": ("networking.k8s.io/v1", ONCE),
    "deployments": ("apps/v1", POOL),
    "scaledobjects": ("keda.sh/v1alpha1", POOL),
}


async def test_a_pipeline_gets_its_children_its_rows_and_its_status(keda, place, op, ledger):
    await place.settle(op)

    await op.until_condition(place.pipeline_path, "Ready", "True", "ScaledToZero")
    pipeline = await op.get(place.pipeline_path)
    for plural, (group, name) in CHILDREN.items():
        child = await op.get(f"{place.children_path(group, plural)}/{name}")
        owner = child["metadata"]["ownerReferences"][0]
        assert (owner["uid"], owner["controller"]) == (pipeline["metadata"]["uid"], True)
        assert child["metadata"]["labels"] == {
            "app.kubernetes.io/managed-by": "headrace",
            "headrace.dev/pipeline": "essay",
            "headrace.dev/tenant": place.namespace,
            **({"headrace.dev/pool": "writers"} if name == POOL else {}),
        }
    assert pipeline["metadata"]["uid"] in ledger.pipeline_rows
    assert pipeline["status"]["tenant"] == place.namespace
    assert {one["type"] for one in pipeline["status"]["conditions"]} == {
        "Accepted",
        "Ready",
        "ResolvedRefs",
        "ScalerReady",
        "WorkersAvailable",
    }


async def test_the_workers_are_created_at_zero_and_an_edit_leaves_their_count_alone(
    keda, place, op
):
    await place.settle(op)
    path = f"{place.children_path('apps/v1', 'deployments')}/{POOL}"
    created = await op.get(path)
    assert created["spec"]["replicas"] == 0
    assert created["metadata"]["generation"] == 1  # it never was anything else

    await op.apply(place.pipeline(pools=[{"name": "writers", "image": "acme.example/essay:2"}]))

    async def changed() -> dict | None:
        body = await op.get(path)
        image = body["spec"]["template"]["spec"]["containers"][0]["image"]
        return body if image == "acme.example/essay:2" else None

    deployment = await op.until("the new image", changed)
    assert deployment["spec"]["replicas"] == 0
    assert deployment["metadata"]["generation"] == 2
    owned = {one["manager"]: one["fieldsV1"] for one in deployment["metadata"]["managedFields"]}
    assert owned["headrace-replicas"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owned["headrace"]["f:spec"]


async def test_an_edit_reaches_the_children_and_only_those_that_it_concerns(
    keda, place, op, ledger
):
    await place.settle(op)
    before = await op.get(f"{place.children_path('v1', 'serviceaccounts')}/{ONCE}")

    pools = [{"name": "writers", "image": "registry.acme.example/essay:2"}]
    changed = await op.apply(place.pipeline(pools=pools))

    async def image() -> bool:
        path = f"{place.children_path('apps/v1', 'deployments')}/{POOL}"
        pod = (await op.get(path))["spec"]["template"]["spec"]
        return pod["containers"][0]["image"] == "registry.acme.example/essay:2"

    await op.until("the new image", image)
    await op.until_condition(place.pipeline_path, "Ready", "True")
    status = (await op.get(place.pipeline_path))["status"]
    assert status["observedGeneration"] == changed["metadata"]["generation"]
    after = await op.get(f"{place.children_path('v1', 'serviceaccounts')}/{ONCE}")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_a_pool_that_left_the_spec_goes_once_no_task_names_it(keda, place, op, ledger):
    both = [{"name": "writers"}, {"name": "readers"}]
    await op.apply(place.tenant())
    await op.apply(place.provider())
    await op.apply(place.pipeline(pools=both))
    await op.until_condition(place.pipeline_path, "Ready", "True")
    ledger.draining_pools[place.namespace, "essay"] = {"readers"}
    path = f"{place.children_path('apps/v1', 'deployments')}/{pool_name('essay', 'readers')}"

    await op.apply(place.pipeline())
    await op.until_condition(place.pipeline_path, "Reconciling", "True", "DrainingPool")
    assert (await op.get(path))["spec"]["replicas"] == 0

    ledger.draining_pools.clear()

    async def gone() -> bool:
        try:
            await op.get(path)
        except GoneError:
            return True
        return False

    await op.until("the pool is gone", gone)


async def test_a_deleted_pipeline_leaves_nothing(keda, place, op, ledger):
    await place.settle(op)
    uid = (await op.get(place.pipeline_path))["metadata"]["uid"]
    ledger.remaining[uid] = (1, 2)

    await op.delete(place.pipeline_path)

    await op.until_condition(place.pipeline_path, "DeletionBlocked", "True", "RunsInFlight")
    assert uid in ledger.pipeline_rows
    ledger.remaining.clear()

    async def nothing() -> bool:
        left = [
            await op.items(place.children_path(group, plural), "headrace.dev/pipeline")
            for plural, (group, _) in CHILDREN.items()
        ]
        return not any(left) and not await op.items(place.pipeline_path.rsplit("/", 1)[0])

    await op.until("everything is gone", nothing)
    assert uid not in ledger.pipeline_rows
    assert op.world.cache.count("AgentPipeline") == 0


async def test_a_deleted_namespace_takes_its_pipelines_with_it(keda, place, op, ledger):
    await place.settle(op)
    uid = (await op.get(place.pipeline_path))["metadata"]["uid"]

    await op.delete(f"/api/v1/namespaces/{place.namespace}")

    async def gone() -> bool:
        try:
            await op.get(f"/api/v1/namespaces/{place.namespace}")
        except GoneError:
            return True
        return False

    await op.until("the namespace is gone", gone, 60)
    assert uid not in ledger.pipeline_rows


async def test_nothing_is_written_while_nothing_happens(keda, place, op):
    await place.settle(op)
    await op.until_condition(place.pipeline_path, "Ready", "True")
    await op.until_quiet()
    before = op.writes()

    for key, _ in op.world.cache.of_kind("AgentPipeline"):
        op.world.queue.add(key)
    for _ in range(3):
        await resync(op.world)
    await op.until_quiet(1.0)  # several turns of every regular look, in scaled time

    assert op.writes() == before > 0


async def test_every_watch_is_seen_to_be_alive(keda, place, op):
    await place.settle(op)

    async def ready() -> bool:
        complaint = await op.health.complaint()
        assert complaint is None, complaint
        return True

    await op.until("readiness", ready)
    assert len(op.health.pulse.ages()) >= len(CHILDREN) + 3


async def test_no_object_carries_a_trace_of_the_framework(keda, place, op):
    await place.settle(op)
    for group, plural in (
        ("headrace.dev/v1alpha1", "agentpipelines"),
        *((group, plural) for plural, (group, _) in CHILDREN.items()),
    ):
        items = await op.items(place.children_path(group, plural))
        assert items
        assert "kopf" not in json.dumps(items)
    for plural in ("agenttenants", "modelproviders"):
        assert "kopf" not in json.dumps(await op.items(f"/apis/headrace.dev/v1alpha1/{plural}"))


async def test_counts_of_the_ledger_reach_the_status(keda, place, op, ledger):
    await place.settle(op)
    backlog = Backlog(runnable=3, running=1, parked=2, dead=0)
    ledger.counted[place.namespace, "essay"] = Counted(backlog)

    async def counted() -> bool:
        backlog = (await op.get(place.pipeline_path))["status"].get("backlog")
        return backlog == {"runnable": 3, "running": 1, "parked": 2, "dead": 0}

    await op.until("the counts", counted)
