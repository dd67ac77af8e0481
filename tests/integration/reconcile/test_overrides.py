"""Values that a tenant gives reach what runs, and the status says whose they are."""

from __future__ import annotations

import pytest

from headrace_contract.names import pool_name

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]

POOL = pool_name("essay", "writers")
MOST = "spec.pools[0].scaling.maxReplicas"


async def test_defaults_lose_overrides_win_and_the_status_says_which_is_which(
    keda, place, op, ledger
):
    defaults = {"retry": {"maxAttempts": 7}, "results": {"ttl": "24h"}}
    overrides = {"pools": {"scaling": {"maxReplicas": 4}}}
    await op.apply(place.tenant(defaults=defaults, overrides=overrides))
    await op.apply(place.provider())
    pool = {"name": "writers", "scaling": {"maxReplicas": 20}}
    await op.apply(place.pipeline(results={"ttl": "1h"}, pools=[pool]))
    await op.until_condition(place.pipeline_path, "Accepted", "True")
    stored = await op.get(place.pipeline_path)

    assert stored["status"]["effective"] == [
        {"field": MOST, "value": "4", "source": "TenantOverride"},
        {"field": "spec.retry.maxAttempts", "value": "7", "source": "TenantDefault"},
    ]
    assert stored["spec"]["pools"][0]["scaling"]["maxReplicas"] == 20  # what people wrote is theirs
    compiled = ledger.pipeline_rows[stored["metadata"]["uid"]].compiled
    assert (compiled.retry.max_attempts, compiled.result_seconds) == (7, 3600)
    assert compiled.pools[0].max_replicas == 4
    path = f"{place.children_path('keda.sh/v1alpha1', 'scaledobjects')}/{POOL}"
    assert (await op.get(path))["spec"]["maxReplicaCount"] == 4

    await op.apply(place.tenant())

    async def own_again() -> bool:
        told = (await op.get(place.pipeline_path))["status"]["effective"]
        return not told and (await op.get(path))["spec"]["maxReplicaCount"] == 20

    await op.until("the pipeline's own values are in force", own_again)
    await op.until_quiet()  # a status without them is not written over and over
    compiled = ledger.pipeline_rows[stored["metadata"]["uid"]].compiled
    assert compiled.retry.max_attempts == 3


async def test_a_priority_above_the_tenants_most_is_lowered_and_told(keda, place, op, ledger):
    await op.apply(place.tenant(maxPriority="Normal"))
    await op.apply(place.provider())
    await op.apply(place.pipeline(priority="High"))
    await op.until_condition(place.pipeline_path, "Accepted", "True")
    stored = await op.get(place.pipeline_path)
    assert stored["status"]["effective"] == [
        {"field": "spec.priority", "value": "Normal", "source": "TenantCeiling"}
    ]
    uid = stored["metadata"]["uid"]
    compiled = ledger.pipeline_rows[uid].compiled
    assert (compiled.priority, compiled.max_priority) == ("Normal", "Normal")

    await op.apply(place.tenant())

    async def own_again() -> bool:
        return not (await op.get(place.pipeline_path))["status"]["effective"]

    await op.until("the pipeline's own priority is in force", own_again)
    compiled = ledger.pipeline_rows[uid].compiled
    assert (compiled.priority, compiled.max_priority) == ("High", "High")
