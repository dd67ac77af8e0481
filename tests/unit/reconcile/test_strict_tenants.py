"""A tenant that becomes Strict closes what its pipelines opened, whatever their specs say."""

from __future__ import annotations

import pytest

import make
from headrace_operator.errors import ClusterUnavailableError
from worlds import PIPELINE, globe

OPEN = [{"namespace": "search"}]
STRICT = {"networkPolicy": "Strict"}


async def serving():
    """Return a world with a pipeline that was accepted with egress."""
    one = globe()
    one.applies(make.tenant(allowed={"egress": OPEN}))
    one.applies(make.provider())
    one.applies(make.pipeline(egress=OPEN))
    await one.settle()
    assert len(egress(one)) == 3
    return one


def policy(one):
    found = [b for b in one.world.cache.children(PIPELINE) if b["kind"] == "NetworkPolicy"]
    return one.cluster.find("NetworkPolicy", "team-a", found[0]["metadata"]["name"])


def egress(one):
    """List what the workers may reach: the gateway and DNS, and what more there is."""
    return policy(one)["spec"]["egress"]


SPOILT = {
    "one that declares egress": {},
    "one that names another tenant": {"tenantRef": {"name": "somebody-else"}},
    "one that does not parse": {"steps": []},
    "one that refers to nothing": {
        "egress": [],
        "models": [{"class": "small", "providerRef": {"name": "nobody"}}],
    },
}


@pytest.mark.parametrize("changes", SPOILT.values(), ids=SPOILT)
async def test_what_a_pipeline_opened_is_closed(changes):
    one = await serving()
    one.applies(make.pipeline(**{"egress": OPEN, **changes}))
    await one.settle()
    one.applies(make.tenant(allowed={"egress": OPEN}, isolation=STRICT))
    await one.settle()
    assert one.conditions()["Ready"][0] == "False"
    assert len(egress(one)) == 2
    assert [body["kind"] for body in one.world.cache.children(PIPELINE)].count("Deployment") == 1


async def test_it_opens_again_with_a_tenant_that_is_no_longer_strict():
    one = await serving()
    one.applies(make.tenant(allowed={"egress": OPEN}, isolation=STRICT))
    await one.settle()
    assert one.conditions()["Accepted"] == ("False", "NotAllowedByTenant")
    one.applies(make.tenant(allowed={"egress": OPEN}))
    await one.settle()
    assert one.conditions()["Accepted"][0] == "True"
    assert len(egress(one)) == 3


async def test_a_refused_pipeline_of_another_tenant_keeps_what_it_opened():
    one = await serving()
    one.applies(make.tenant())
    await one.settle()
    assert one.conditions()["Accepted"] == ("False", "NotAllowedByTenant")
    assert len(egress(one)) == 3


async def test_a_pipeline_that_never_served_gets_nothing():
    one = globe()
    one.applies(make.tenant(isolation=STRICT))
    one.applies(make.provider())
    one.applies(make.pipeline(egress=OPEN))
    await one.settle()
    assert one.world.cache.children(PIPELINE) == []


async def test_a_door_that_could_not_be_closed_is_due_again():
    one = await serving()
    one.applies(make.tenant(allowed={"egress": OPEN}, isolation=STRICT))
    one.cluster.failures = [ClusterUnavailableError("away")] * 2  # the tenant's status, the policy
    await one.settle()
    assert len(egress(one)) == 3
    assert PIPELINE in one.world.queue._timers
    one.world.queue.add(PIPELINE)
    await one.settle()
    assert len(egress(one)) == 2
