"""What passes do in a world in memory."""

from __future__ import annotations

import asyncio

import pytest

import make
from headrace_contract.resources.agent_pipeline import Backlog
from headrace_operator.errors import ConflictError, ForbiddenError, LedgerUnavailableError
from headrace_operator.model.resource import CONFIG_MAPS, SCALED_OBJECTS, Key
from headrace_operator.reconcile import loops
from headrace_operator.reconcile.resync import compare_objects, prime, resync
from worlds import PIPELINE, PROVIDER, TENANT, globe, settled


async def test_a_pipeline_costs_one_write_for_each_thing_that_is_made():
    one = await settled()
    assert [write for write in one.cluster.writes if "Agent" not in write] == [
        "status ModelProvider",
        "apply ServiceAccount",
        "apply NetworkPolicy",
        "apply ConfigMap",
        "create Deployment",
        "apply Deployment",
        "apply ScaledObject",
    ]
    pipelines = [write for write in one.cluster.writes if write.endswith("AgentPipeline")]
    assert pipelines == ["finalize AgentPipeline", "status AgentPipeline"]
    assert one.said.words == []


async def test_a_settled_world_stays_silent():
    one = await settled()
    before = list(one.cluster.writes)
    for key in (PIPELINE, TENANT, PROVIDER):
        one.world.queue.add(key)
    await one.settle()
    await resync(one.world)
    await one.settle()
    assert one.cluster.writes == before


async def test_a_restart_writes_nothing():
    one = await settled()
    one.seconds = 6  # the counts of tenant and provider are due
    one.world.queue.add(TENANT)
    one.world.queue.add(PROVIDER)
    await one.settle()
    assert one.status(PROVIDER)["pipelines"] == 1
    again = globe()
    again.cluster = one.cluster
    world = again.world.__class__(
        **{
            name: getattr(again.world, name)
            for name in again.world.__slots__
            if name not in {"cluster", "ledger"}
        },
        cluster=one.cluster,
        ledger=one.ledger,
    )
    again.world = world
    before = list(one.cluster.writes)
    await prime(world)
    await again.settle()
    assert one.cluster.writes == before


async def test_a_refused_pipeline_gets_neither_finalizer_nor_rows():
    one = globe()
    one.applies(make.pipeline())
    await one.settle()
    assert one.conditions()["Accepted"] == ("False", "TenantNotFound")
    assert one.cluster.writes == ["status AgentPipeline"]
    assert one.ledger.pipeline_rows == {}
    assert one.said.words == [("essay", "Warning", "TenantNotFound")]
    one.deletes(PIPELINE)
    await one.settle()
    assert one.cluster.find(*PIPELINE) is None


async def test_a_pass_that_fails_is_due_again_and_told():
    one = await settled()
    one.ledger.away = LedgerUnavailableError("away")
    one.applies(make.pipeline(retry={"maxAttempts": 5}))
    await one.settle()
    assert one.conditions()["Ready"] == ("False", "LedgerUnavailable")
    assert PIPELINE in one.world.queue._timers
    one.ledger.away = None
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.conditions()["Ready"] == ("True", "ScaledToZero")
    assert PIPELINE not in one.world.queue._failures


async def test_a_status_that_could_not_be_written_is_due_again():
    one = await settled()
    one.applies(make.pipeline(stopPolicy="Hold"))
    one.cluster.failures = [ConflictError("somebody else wrote")]
    await one.settle()
    assert "Paused" not in one.conditions()
    assert PIPELINE in one.world.queue._timers
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.conditions()["Paused"] == ("True", "StopPolicyHold")


async def test_a_permission_that_is_missing_is_told_and_looked_at_again():
    one = globe()
    one.applies(make.tenant())
    one.applies(make.provider())
    await one.settle()
    one.cluster.failures = [ForbiddenError("serviceaccounts is forbidden")]
    body = make.pipeline()
    one.applies(body)
    await one.settle()
    assert one.conditions()["Ready"] == ("False", "Forbidden")
    assert PIPELINE in one.world.queue._timers


async def test_one_poisoned_object_never_stops_the_others(caplog):
    one = await settled()
    broken = make.pipeline("poison")
    one.applies(broken)
    entry = one.world.cache._kinds["AgentPipeline"][Key("AgentPipeline", "team-a", "poison")]
    one.world.cache._kinds["AgentPipeline"][Key("AgentPipeline", "team-a", "poison")] = type(entry)(
        entry.uid, entry.version, b'{"kind": "AgentPipeline", "metadata": {}}'
    )
    one.applies(make.pipeline("healthy"))
    await one.settle()
    healthy = one.conditions(Key("AgentPipeline", "team-a", "healthy"))
    assert healthy["Ready"] == ("True", "ScaledToZero")
    assert "nobody foresaw" in caplog.text


async def test_counts_are_written_at_most_once_in_their_time():
    one = await settled()
    one.ledger.counted = {("team-a", "essay"): Backlog(runnable=1)}
    await loops.count(one.world)
    one.seconds = 6
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.status()["backlog"]["runnable"] == 1
    before = list(one.cluster.writes)
    one.ledger.counted = {("team-a", "essay"): Backlog(runnable=2)}
    await loops.count(one.world)
    await one.settle()
    assert one.cluster.writes == before
    assert PIPELINE in one.world.queue._timers
    one.seconds = 12
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.status()["backlog"]["runnable"] == 2


async def test_counts_that_cannot_be_read_are_not_taken_for_zero():
    one = await settled()
    one.seconds = 6
    one.ledger.counted = {("team-a", "essay"): Backlog(running=3)}
    await loops.count(one.world)
    await one.settle()
    one.ledger.away = LedgerUnavailableError("away")
    with pytest.raises(LedgerUnavailableError):
        await loops.count(one.world)
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.status()["backlog"]["running"] == 3


async def test_what_failed_is_made_again_when_the_ledger_is_back():
    one = await settled()
    one.ledger.away = LedgerUnavailableError("away")
    one.applies(make.pipeline(retry={"maxAttempts": 5}))
    await one.settle()
    looking = asyncio.create_task(loops.every(0.001, lambda: 0.5, loops.count, one.world))
    await asyncio.sleep(0.02)
    assert one.world.queue.depth() == 0
    one.ledger.away = None
    async with asyncio.timeout(5), one.world.queue.take() as key:
        assert key == PIPELINE
    looking.cancel()
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.conditions()["Ready"] == ("True", "ScaledToZero")


async def test_without_pipelines_nothing_is_counted():
    one = globe()
    await loops.count(one.world)
    assert one.ledger.calls == []


async def test_keda_may_come_and_go():
    one = globe(keda=False)
    one.cluster.unserved = {SCALED_OBJECTS.kind}
    one.applies(make.tenant())
    one.applies(make.provider())
    one.applies(make.pipeline())
    await one.settle()
    assert one.conditions()["ScalerReady"] == ("False", "KedaMissing")
    [deployment] = [b for b in one.world.cache.children(PIPELINE) if b["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == 1

    one.cluster.unserved = set()
    await loops.look_for_keda(one.world)
    await one.settle()
    assert one.conditions()["ScalerReady"] == ("Unknown", "Progressing")
    before = list(one.cluster.writes)
    await loops.look_for_keda(one.world)
    assert one.cluster.writes == before

    one.cluster.unserved = {SCALED_OBJECTS.kind}
    await loops.look_for_keda(one.world)
    await one.settle()
    assert one.conditions()["ScalerReady"] == ("False", "KedaMissing")


async def test_the_kubelet_is_asked_only_when_workers_stay_away():
    one = await settled(pools=[{"name": "writers", "scaling": {"minReplicas": 0}}])
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    one.cluster.pod_bodies = [{"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}}]
    [deployment] = [b for b in one.world.cache.children(PIPELINE) if b["kind"] == "Deployment"]
    name = deployment["metadata"]["name"]
    one.world.cache.saw(await one.cluster.set_replicas("team-a", name, 1))
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.conditions()["WorkersAvailable"] == ("False", "WorkersStarting")
    assert PIPELINE in one.world.queue._timers

    one.world.queue.add(PIPELINE)
    await one.settle()
    assert one.conditions()["WorkersAvailable"] == ("False", "WorkersCannotStart")
    assert one.conditions()["Stalled"] == ("True", "WorkersCannotStart")


async def test_a_tenants_change_reaches_its_pipelines():
    one = await settled()
    one.applies(make.tenant(allowed={"modelProviders": ["other"]}))
    await one.settle()
    assert one.conditions()["Accepted"] == ("False", "NotAllowedByTenant")
    one.applies(make.tenant(namespaces=("elsewhere",)))
    await one.settle()
    assert one.conditions()["Accepted"] == ("False", "TenantNotFound")


async def test_a_tenant_that_goes_takes_the_rows_of_its_pipelines_along():
    one = await settled()
    one.deletes(TENANT)
    await one.settle()
    assert one.cluster.find(*TENANT) is None
    assert one.ledger.pipeline_rows == {}
    assert one.ledger.tenant_rows == {}
    assert one.conditions()["Accepted"] == ("False", "TenantNotFound")


async def test_a_tenant_waits_for_running_steps_and_then_goes_anyway():
    one = await settled()
    [uid] = one.ledger.pipeline_rows
    one.ledger.remaining[uid] = (2, 1)
    one.deletes(TENANT)
    await one.settle()
    assert one.cluster.find(*TENANT) is None  # it was deleted in 2026-01-01, long ago


async def test_a_providers_change_reaches_its_pipelines():
    one = await settled()
    models = [{"name": "renamed", "classes": []}]
    one.applies(make.provider(models=models))
    await one.settle()
    assert one.conditions()["ResolvedRefs"] == ("False", "ModelNotFound")
    one.deletes(PROVIDER)
    await one.settle()
    assert one.conditions()["ResolvedRefs"] == ("False", "ProviderNotFound")
    assert one.ledger.provider_rows == {}


async def test_a_resync_finds_what_the_watch_missed():
    one = await settled()
    [config] = [b for b in one.world.cache.children(PIPELINE) if b["kind"] == "ConfigMap"]
    one.cluster.user_deletes("ConfigMap", "team-a", config["metadata"]["name"])
    one.ledger.pipeline_rows.clear()
    await resync(one.world)
    await one.settle()
    assert one.cluster.find("ConfigMap", "team-a", config["metadata"]["name"]) is not None
    assert len(one.ledger.pipeline_rows) == 1


async def test_one_old_list_is_not_believed():
    one = await settled()
    real, calls = one.cluster.listing, 0

    async def stale(resource):
        nonlocal calls
        calls += 1
        return [] if resource.kind == "ConfigMap" and calls < 10 else await real(resource)

    one.cluster.listing = stale
    before = list(one.cluster.writes)
    calls = 8  # the first list of them is old, the second is not
    await compare_objects(CONFIG_MAPS, one.world)
    await one.settle()
    assert calls == 10
    assert one.cluster.writes == before


async def test_rows_without_an_object_are_removed_by_the_resync():
    one = await settled()
    [(uid, plan)] = one.ledger.pipeline_rows.items()
    one.ledger.pipeline_rows["uid-of-nobody"] = plan
    one.ledger.pipeline_rows["uid-of-nobody"] = plan.__class__(
        compiled=plan.compiled.model_copy(update={"uid": "uid-of-nobody"}),
        service_account="",
        stop_policy="None",
        pools=(),
    )
    one.ledger.provider_rows["uid-of-no-provider"] = "nobody"
    one.ledger.tenant_rows["uid-of-no-tenant"] = ("nobody", ())
    await resync(one.world)
    assert set(one.ledger.pipeline_rows) == {uid}
    assert "uid-of-no-provider" not in one.ledger.provider_rows
    assert "uid-of-no-tenant" not in one.ledger.tenant_rows
