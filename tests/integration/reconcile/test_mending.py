"""What somebody deletes or edits is mended; what is not ours is left alone."""

from __future__ import annotations

import pytest

from headrace_contract.names import pipeline_name, pool_name
from headrace_operator.model.resource import CHILDREN, SCALED_OBJECTS, Key
from headrace_operator.reconcile.hear import hear
from headrace_operator.reconcile.resync import resync
from headrace_operator.watch import register

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]

POOL = pool_name("essay", "writers")
ONCE = pipeline_name("essay")
NAMES = {
    "ServiceAccount": ONCE,
    "ConfigMap": ONCE,
    "NetworkPolicy": ONCE,
    "Deployment": POOL,
    "ScaledObject": POOL,
}
EDITS = {
    "a policy that was opened is shut again": (
        "NetworkPolicy",
        {"spec": {"egress": [{}]}},
        lambda body: len(body["spec"]["egress"]) == 2,
    ),
    "an account that was given a token loses it": (
        "ServiceAccount",
        {"automountServiceAccountToken": True},
        lambda body: body["automountServiceAccountToken"] is False,
    ),
    "a limit that was lifted is set again": (
        "ScaledObject",
        {"spec": {"maxReplicaCount": 9999}},
        lambda body: body["spec"]["maxReplicaCount"] == 10,
    ),
    "a label that was taken off comes back": (
        "Deployment",
        {"metadata": {"labels": {"headrace.dev/pool": "other"}}},
        lambda body: body["metadata"]["labels"]["headrace.dev/pool"] == "writers",
    ),
}


OF_PIPELINES = [one for one in CHILDREN if one.kind in NAMES]


@pytest.mark.parametrize("resource", OF_PIPELINES, ids=lambda one: one.kind)
async def test_a_child_that_is_deleted_comes_back(resource, keda, place, op):
    await place.settle(op)
    path = resource.path(place.namespace, NAMES[resource.kind])
    before = await op.get(path)

    await op.delete(path)

    async def again() -> bool:
        return (await op.get(path))["metadata"]["uid"] != before["metadata"]["uid"]

    await op.until("the child is there again", again)
    await op.until_quiet()


@pytest.mark.parametrize(("kind", "patch", "mended"), EDITS.values(), ids=EDITS)
async def test_a_child_that_is_edited_is_mended(*, kind, patch, mended, keda, place, op):
    await place.settle(op)
    resource = next(one for one in CHILDREN if one.kind == kind)
    path = resource.path(place.namespace, NAMES[kind])
    merge = "application/merge-patch+json"

    edited = await op.wire._send("PATCH", path, body=patch, content=merge)
    assert not mended(edited)

    async def is_mended() -> bool:
        return bool(mended(await op.get(path)))

    await op.until("mended", is_mended)


async def test_the_count_that_keda_sets_is_left_alone(keda, place, op):
    await place.settle(op)
    path = f"{place.children_path('apps/v1', 'deployments')}/{POOL}"
    scale = {"spec": {"replicas": 3}}
    merge = "application/merge-patch+json"
    await op.wire._send("PATCH", f"{path}/scale", body=scale, content=merge)

    pools = [{"name": "writers", "image": "registry.acme.example/essay:3"}]
    await op.apply(place.pipeline(pools=pools))

    async def rolled() -> bool:
        pod = (await op.get(path))["spec"]["template"]["spec"]
        return pod["containers"][0]["image"].endswith(":3")

    await op.until("the new image", rolled)
    await op.until_quiet()
    assert (await op.get(path))["spec"]["replicas"] == 3


async def test_workers_that_lose_our_label_get_it_back_and_keep_their_count(keda, place, op):
    await place.settle(op)
    path = f"{place.children_path('apps/v1', 'deployments')}/{POOL}"
    merge = "application/merge-patch+json"
    scale = {"spec": {"replicas": 3}}
    await op.wire._send("PATCH", f"{path}/scale", body=scale, content=merge)
    await op.until_quiet()

    label = "headrace.dev/pipeline"
    other = {"metadata": {"labels": {label: "nobody"}}}
    for patch in ({"metadata": {"labels": {label: None}}}, other):
        await op.wire._send("PATCH", path, body=patch, content=merge)

        async def back() -> bool:
            return (await op.get(path))["metadata"]["labels"].get(label) == "essay"

        await op.until("the label is back", back)
        await op.until_quiet()
        assert (await op.get(path))["spec"]["replicas"] == 3

    async def known() -> bool:
        kept = op.world.cache.get(Key("Deployment", place.namespace, POOL))
        return kept is not None and kept["spec"]["replicas"] == 3

    await op.until("it is watched again", known)


async def test_what_others_add_to_a_child_stays_and_costs_nothing(keda, place, op):
    await place.settle(op)
    path = SCALED_OBJECTS.path(place.namespace, POOL)
    theirs = {"metadata": {"finalizers": ["finalizer.keda.sh/x"], "labels": {"theirs": "yes"}}}
    merge = "application/merge-patch+json"
    await op.wire._send("PATCH", path, body=theirs, content=merge)
    await op.until_quiet()
    before = op.writes()
    for key, _ in op.world.cache.of_kind("AgentPipeline"):
        op.world.queue.add(key)
    await op.until_quiet()
    assert op.writes() == before
    assert (await op.get(path))["metadata"]["labels"]["theirs"] == "yes"
    gone = {"metadata": {"finalizers": None}}
    await op.wire._send("PATCH", path, body=gone, content=merge)


async def test_a_deletion_that_the_watch_missed_is_found_by_the_resync(
    keda, place, op, monkeypatch
):
    await place.settle(op)
    missed: list[str] = []

    def deaf(body, world, *, gone):
        if gone:
            missed.append(body["kind"])
        else:
            hear(body, world, gone=False)

    monkeypatch.setattr(register, "hear", deaf)
    path = f"{place.children_path('v1', 'configmaps')}/{ONCE}"
    uid = (await op.get(path))["metadata"]["uid"]
    await op.delete(path)

    async def told() -> bool:
        return "ConfigMap" in missed

    await op.until("the deletion was missed", told)

    await resync(op.world)

    async def again() -> bool:
        return (await op.get(path))["metadata"]["uid"] != uid

    await op.until("the child is there again", again)
