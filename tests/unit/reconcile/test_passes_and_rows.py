"""What passes do to rows and to what is gone, in a world in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import make
from headrace_operator.errors import LedgerUnavailableError
from headrace_operator.model.resource import CONFIG_MAPS, SCALED_OBJECTS
from headrace_operator.plan.prices import LIST
from headrace_operator.reconcile import loops
from headrace_operator.reconcile.resync import compare_objects, resync
from worlds import PIPELINE, PROVIDER, TENANT, globe, settled


async def test_what_failed_is_made_again_when_the_ledger_is_back():
    one = await settled()
    one.ledger.away = LedgerUnavailableError("away")
    one.applies(make.pipeline(retry={"maxAttempts": 5}))
    await one.settle()
    looks, enough = [], asyncio.Event()

    async def look(world):
        looks.append(world)
        if len(looks) == 4:  # three were made to their end, in vain
            enough.set()
        await loops.count(world)

    looking = asyncio.create_task(loops.every(0.001, lambda: 0.5, look, one.world))
    await asyncio.wait_for(enough.wait(), 5)
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


async def test_a_tenant_waits_for_runs_that_wait_too():
    one = await settled()
    one.world = replace(
        one.world, now=lambda: make.NOW - timedelta(days=2)
    )  # its time-box is not over
    [uid] = one.ledger.pipeline_rows
    one.ledger.remaining[uid] = (0, 3)
    one.deletes(TENANT)
    await one.settle()
    assert one.conditions(TENANT)["DeletionBlocked"] == ("True", "RunsInFlight")
    assert one.conditions(TENANT)["Ready"] == ("False", "RunsInFlight")
    assert uid in one.ledger.pipeline_rows
    assert one.ledger.tenant_rows

    one.ledger.remaining.clear()
    one.world.queue.add(TENANT)
    await one.settle()
    assert one.cluster.find(*TENANT) is None
    assert one.ledger.tenant_rows == {}


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


async def test_a_provider_says_which_of_its_models_have_no_price_and_where_the_others_are_from():
    one = await settled()

    def known():
        status = one.cluster.find(*PROVIDER)["status"]
        [found] = [c for c in status["conditions"] if c["type"] == "PricesKnown"]
        return found["status"], found["reason"], found["message"]

    none = f"0 from the spec, 0 from {LIST}."
    assert known() == ("False", "PricesMissing", f"No price: acme-mini; {none}")
    models = [
        {"name": "acme-mini", "price": {"input": "1", "output": "2"}},
        {"name": "gpt-4o", "classes": ["small"]},
    ]
    changes = {"endpoint": "https://api.openai.com/v1", "pricesFrom": "GenaiPrices"}
    one.applies(make.provider(models=models, **changes))
    await one.settle()
    some = f"1 from the spec, 1 from {LIST}."
    assert known() == ("True", "PricesKnown", f"Prices: {some}")


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
    nobody = plan.compiled.model_copy(update={"uid": "uid-of-nobody"})
    one.ledger.pipeline_rows["uid-of-nobody"] = replace(plan, compiled=nobody)
    one.ledger.provider_rows["uid-of-no-provider"] = "nobody"
    one.ledger.tenant_rows["uid-of-no-tenant"] = ("nobody", ())
    await resync(one.world)
    assert set(one.ledger.pipeline_rows) == {uid}
    assert "uid-of-no-provider" not in one.ledger.provider_rows
    assert "uid-of-no-tenant" not in one.ledger.tenant_rows
