"""What keeps tenants apart, on a real API server: doors, borders, and who may name what."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.apiserver, pytest.mark.asyncio(loop_scope="module")]

OPEN = [{"cidr": "203.0.113.0/24", "ports": [443]}]
STRICT = {"networkPolicy": "Strict"}


async def opened(op, place):
    """Return the ranges that the workers of the pipeline may reach."""
    path = place.children_path("networking.k8s.io/v1", "networkpolicies")
    [policy] = await op.items(path, "headrace.dev/pipeline=essay")
    peers = [peer for rule in policy["spec"]["egress"] for peer in rule["to"]]
    return [peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer]


async def test_a_tenant_that_becomes_strict_closes_what_was_opened(keda, place, op):
    await op.apply(place.tenant(allowed={"egress": OPEN}))
    await op.apply(place.provider())
    await op.apply(place.pipeline(egress=OPEN))
    await op.until_condition(place.pipeline_path, "Accepted", "True")
    await op.until_quiet()
    assert await opened(op, place) == ["203.0.113.0/24"]

    await op.apply(place.tenant(allowed={"egress": OPEN}, isolation=STRICT))

    told = await op.until_condition(place.pipeline_path, "Accepted", "False", "NotAllowedByTenant")
    assert "`spec.egress[0]` must be left out, and opens '203.0.113.0/24'" in told["message"]
    assert f"tenant '{place.namespace}' has `isolation.networkPolicy: Strict`" in told["message"]
    await op.until_quiet()
    assert await opened(op, place) == []

    await op.apply(place.pipeline())

    await op.until_condition(place.pipeline_path, "Ready", "True")
    assert await opened(op, place) == []
