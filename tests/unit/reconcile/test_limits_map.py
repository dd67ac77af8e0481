"""A tenant's limits in its namespaces: made, mended and removed, in a world in memory."""

from __future__ import annotations

import make
from headrace_operator.errors import ForbiddenError
from headrace_operator.model.resource import CONFIG_MAPS
from headrace_operator.reconcile.hear import hear
from worlds import TENANT, settled

TPM = {"name": "tpm", "resource": "tokens", "limit": 1000, "window": "1m"}
BOTH = ("team-a", "team-b")


def shown(one, namespace="team-a"):
    return one.cluster.find("ConfigMap", namespace, "headrace-limits")


async def limited(**changes):
    one = await settled()
    one.applies(make.tenant(**{"limits": [TPM], "namespaces": BOTH, **changes}))
    await one.settle()
    return one


async def test_limits_are_shown_in_each_namespace_and_once():
    one = await limited()
    assert shown(one)["data"] == shown(one, "team-b")["data"]
    before = list(one.cluster.writes)
    one.world.queue.add(TENANT)
    await one.settle()
    assert one.cluster.writes == before


async def test_what_was_edited_or_deleted_is_mended():
    one = await limited()
    edited = {**shown(one), "data": {"digest": "another", "limits.json": "{}"}}
    hear(one.cluster.user_applies(edited), one.world, gone=False)
    await one.settle()
    assert shown(one)["data"] == shown(one, "team-b")["data"]
    gone = shown(one)
    one.cluster.user_deletes("ConfigMap", "team-a", "headrace-limits")
    hear(gone, one.world, gone=True)
    await one.settle()
    assert shown(one) is not None


async def test_a_namespace_that_leaves_loses_it():
    one = await limited()
    one.applies(make.tenant(limits=[TPM]))
    await one.settle()
    assert shown(one) is not None
    assert shown(one, "team-b") is None


async def test_a_namespace_that_moves_shows_the_limits_of_its_new_tenant():
    one = await limited()
    other = {**TPM, "limit": 7}
    one.applies(make.tenant("beta", namespaces=("team-b",), limits=[other]))
    one.applies(make.tenant(limits=[TPM]))
    await one.settle()
    for body in await one.cluster.listing(CONFIG_MAPS):  # what the watch would say
        hear(body, one.world, gone=False)
    one.world.queue.add(TENANT)
    await one.settle()
    assert '"limit": 7' in shown(one, "team-b")["data"]["limits.json"]


async def test_without_limits_nothing_is_left():
    one = await limited()
    one.applies(make.tenant())
    await one.settle()
    assert shown(one) is shown(one, "team-b") is None


async def test_a_namespace_that_nobody_may_write_in_is_no_fault_of_the_tenant():
    one = await limited()
    one.cluster.failures = [ForbiddenError("it is being terminated")]
    one.applies(make.tenant(limits=[{**TPM, "limit": 7}], namespaces=BOTH))
    await one.settle()
    assert one.conditions(TENANT)["Ready"][0] == "True"
    assert one.conditions(TENANT)["LimitsEnforced"][0] == "True"
